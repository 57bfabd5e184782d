"""Around the chain of the Sampler lab: dice, order lab, grammar, temperatures, links and files; and for everyone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ui
from sandbox.draw import uniform
from tests.lab_page import (
    LAB,
    OPENING,
    SEED,
    add,
    at,
    bars,
    linked,
    order,
    problem,
    row_of,
    search,
    set_knob,
    survivors,
)

pytestmark = [pytest.mark.browser, pytest.mark.real]
Make = Callable[..., Any]
TEXT = "Once upon a time, there was a little"
CONSTRAINTS = json.loads((Path(ui.__file__).parent / "constraints.json").read_text("utf-8"))["constraints"]
# everything that waits behind a click, so that an eye or a tool sees it
UNFOLD = "document.querySelectorAll('[data-ready] details').forEach(node => { node.open = true; })"
# a key without its sentence shows as the key itself
KEYS = (
    "() => document.querySelector('[data-ready]').innerText.match("
    "/\\b(?:lab|page|sampler|sampler_does|sampler_knob|family|family_does|action|level|errors)(?:\\.[a-z_]+)+/g) ?? []"
)


def click(lab: Any, name: str) -> None:
    lab.after(lambda: lab.page.click(at(name)))


def test_ten_thousand_draws_are_counted_against_the_law_and_ask_no_model(lab: Any, server: str) -> None:
    probs = row_of(server, TEXT).run(OPENING).probs
    lab.requests.clear()
    click(lab, "draw-n-10000")
    cells = lab.page.locator(f"{at('tally')} li:visible").evaluate_all(
        "nodes => nodes.map(n => [n.dataset.tokenId, Number(n.dataset.observed), Number(n.dataset.expected)])"
    )
    assert sum(observed for _, observed, _ in cells) == 10_000
    assert sum(expected for _, _, expected in cells) == pytest.approx(10_000, abs=1e-6)
    listed = {int(token): expected for token, _, expected in cells if token != "others"}
    assert listed == {token: pytest.approx(10_000 * probs[token], abs=0.01) for token in listed}
    assert len(listed) == 10
    # six standard deviations of a count: met by chance once in 500 million
    assert all(abs(seen - due) <= 6 * max(1.0, due) ** 0.5 for _, seen, due in cells)
    verdict = lab.page.locator(at("verdict"))
    assert (verdict.get_attribute("data-verdict"), verdict.get_attribute("data-n")) == ("compatible", "10000")
    assert "prove" not in verdict.inner_text()
    assert lab.page.get_attribute(at("model-calls"), "data-n") == "0"
    assert lab.requests.count("POST /api/v1/draws") == 1
    assert lab.page.locator("[data-part=appended]").count() == 0


def test_one_draw_lands_where_the_recorded_u_says(lab: Any, server: str) -> None:
    row = row_of(server, TEXT)
    law = row.run(OPENING).distribution
    u = uniform(SEED, len(row.token_ids), 0, "draw")
    ranked = sorted(zip(-law.probs, law.token_ids, strict=True))  # most likely first, the smaller id on a tie
    below = np.cumsum([-p for p, _ in ranked])
    expected = int(ranked[int(np.searchsorted(below, u, side="right"))][1])
    click(lab, "draw-n-1")
    token = lab.page.locator(at("drawn-token"))
    assert float(lab.page.get_attribute("[data-testid=strip] [data-u]", "data-u")) == u
    assert int(token.get_attribute("data-follow")) == expected
    assert f"{u:.6f}" in lab.page.inner_text(at("dice-caption"))
    click(lab, "add-drawn")
    assert lab.page.locator("[data-part=appended]").count() == 1
    assert lab.page.get_attribute(at("model-calls"), "data-n") == "0"  # counted anew at each text
    click(lab, "undo")
    assert lab.page.locator("[data-part=appended]").count() == 0


def test_one_click_sets_llama_cpps_order_against_transformers(lab: Any, server: str) -> None:
    row = row_of(server, TEXT)
    llama = row.run(OPENING)
    transformers = row.run([OPENING[2], OPENING[0], OPENING[1]])
    distance = float(np.abs(llama.probs - transformers.probs).sum() / 2)
    assert distance > 0
    lab.page.click(f"{at('order-lab')} summary")
    lab.page.click(at("compare-orders"))
    lab.page.wait_for_selector(f"{at('order-lab')}[data-tv]")
    shown = [int(lab.page.get_attribute(at(f"order-survivors-{side}"), "data-n")) for side in "ab"]
    assert shown == [np.count_nonzero(each.probs) for each in (llama, transformers)]
    assert float(lab.page.get_attribute(at("order-lab"), "data-tv")) == pytest.approx(distance, abs=1e-6)
    figures = {
        name: lab.page.inner_text(f"[data-figure={name}] dd") for name in ("common", "tv", "kl", "first")
    }
    assert figures["common"] == str(np.count_nonzero(llama.probs * transformers.probs))
    assert figures["tv"].startswith(f"{100 * distance:.0f}")
    assert "infinite" in figures["kl"]  # the shorter law lacks tokens of the longer one
    assert figures["first"].startswith(f"rank {min(shown) + 1}")
    # against a library's defaults, and with a sampler that only the server knows
    lab.page.select_option(at("compare-preset"), "vllm")
    lab.page.wait_for_function(
        "name => document.querySelector(name).dataset.n === '49152'", arg=at("order-survivors-b")
    )  # whose defaults leave the model's law as it is
    add(lab, "typical_p")
    lab.page.select_option(at("compare-preset"), "orders")
    lab.page.wait_for_function(
        "name => document.querySelector(name).dataset.n !== '49152'", arg=at("order-survivors-b")
    )
    assert float(lab.page.get_attribute(at("order-lab"), "data-tv")) > 0


def test_a_preset_of_a_library_lays_its_cards(lab: Any, server: str) -> None:
    lab.page.click(at("lab-presets-button"))
    sources = lab.page.locator(".lb-source:visible").all_inner_texts()
    assert sum("2026" in each for each in sources) == 7
    click(lab, "preset-llama.cpp")
    kept = [name for name in order(lab) if name in ("top_k", "top_p", "min_p", "temperature")]
    assert kept == ["top_k", "top_p", "min_p", "temperature"]
    steps = [*OPENING[:1], {"sampler": "top_p", "p": 0.95}, {"sampler": "min_p", "p": 0.05}, OPENING[2]]
    assert survivors(lab) == row_of(server, TEXT).run(steps).distribution.token_ids.size


def seen(lab: Any) -> dict[str, Any]:
    page = lab.page
    return {
        "order": order(lab),
        "n": survivors(lab),
        "bars": bars(lab, "card-drawn"),
        "text": page.input_value(at("text")),
        "seed": page.input_value(at("seed")),
        "off": page.locator("[role=switch][aria-checked=false]").count(),
    }


def test_a_link_and_a_file_open_the_same_view_elsewhere(
    lab: Any, make_page: Make, server: str, tmp_path: Path
) -> None:
    set_knob(lab, add(lab, "typical_p"), "p", 0.7)
    lab.after(lambda: lab.page.fill(at("text"), "The cat « sat » on the 🎩"))
    click(lab, "draw-n-1")
    drawn = lab.page.get_attribute(at("drawn-token"), "data-follow")
    view = seen(lab)
    lab.page.click(at("link"))
    link = lab.page.input_value(at("link-address"))
    with lab.page.expect_download() as saved:
        lab.page.click(at("save-file"))
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)

    other = make_page(server)
    other.page.goto(link)
    other.shown()
    assert seen(other) == view
    click(other, "draw-n-1")
    assert other.page.get_attribute(at("drawn-token"), "data-follow") == drawn

    third = make_page(server).open("lang=fr&level=2", LAB)
    third.after(lambda: third.page.set_input_files(at("open-file-input"), file))
    third.page.wait_for_function(
        "name => document.querySelector(name).value.startsWith('The cat')", arg=at("text")
    )
    third.shown()
    assert seen(third) == view
    file.write_text('{"schema": "logitbox.view/1", "text": 3}', encoding="utf-8")
    third.page.set_input_files(at("open-file-input"), file)
    third.page.wait_for_function(
        "name => document.querySelector(name).textContent !== ''", arg=at("share-status")
    )
    assert seen(third) == view


@pytest.mark.parametrize("example", ["sentiment_en", "date"])
def test_a_ready_made_constraint_writes_a_valid_answer_to_the_end(
    make_page: Make, server: str, example: str
) -> None:
    lab = make_page(server).open("lang=en&level=2&seed=7", LAB)
    assert add(lab, "grammar") == 0  # a mask stands first
    given = next(each for each in CONSTRAINTS if each["id"] == example)
    click(lab, f"grammar-{example}")
    click(lab, "grammar-text")
    assert lab.page.input_value(at("text")) == given["text"]
    assert problem(lab, 0) == ""
    assert lab.page.locator(f"{at('grammar-forbidden')} li").count() > 0
    lab.page.click(at("generate-to-end"))
    lab.page.wait_for_selector("[data-ready][data-status=ended][aria-busy=false]")
    written = lab.page.locator(f"{at('pills')} [data-part=appended]")
    lab.page.wait_for_function(
        "([name, n]) => document.querySelector(name).textContent.includes(`${n}.`)",
        arg=[at("generate-status"), written.count()],
    )
    text = "".join(written.all_inner_texts()).replace("␠", " ").replace("↵", "\n").split("<|")[0]
    if given["kind"] == "choice":
        assert text.strip() in given["grammar"].split("\n")
    else:
        assert re.fullmatch(given["grammar"], text)


def test_a_broken_expression_is_told_at_its_card(lab: Any) -> None:
    before = survivors(lab)
    index = add(lab, "grammar")
    lab.page.select_option(at(f"knob-{index}-kind"), "regex")
    lab.page.fill(at(f"knob-{index}-grammar"), "((")
    lab.page.locator(f"{at(f'card-{index}')} .lb-problem").filter(has_text=".").wait_for()
    assert problem(lab, index + 1) == ""
    click(lab, f"card-off-{index}")
    assert survivors(lab) == before


def test_five_temperatures_share_out_one_law(lab: Any, server: str) -> None:
    row = row_of(server, TEXT)
    columns = lab.page.locator(f"{at('temperatures')} tbody tr").evaluate_all(
        "rows => rows.map(row => [Number(row.dataset.temperature), [...row.querySelectorAll('[data-p]')].map("
        "cell => Number(cell.dataset.p)), Number(row.querySelector('[data-tail]').dataset.tail)])"
    )
    assert [temperature for temperature, _, _ in columns] == [0.25, 0.5, 1, 1.5, 2]
    for temperature, shares, tail in columns:
        probs = row.run([{"sampler": "temperature", "temperature": temperature}]).probs
        assert shares == pytest.approx(np.sort(probs)[::-1][: len(shares)], abs=1e-6)
        assert sum(shares) + tail == pytest.approx(1, abs=1e-9)
    texts = lab.page.locator(f"{at('temperatures')} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('[data-p], [data-tail]')].map(cell => cell.innerText))"
    )
    for cells in texts:
        assert sum(float(cell.strip("%<≈ ")) for cell in cells) == pytest.approx(100, abs=0.5), cells
    strips = lab.page.locator(f"{at('temperatures')} .lb-segments").evaluate_all(
        "strips => strips.map(strip => [...strip.children].map(part => parseFloat(part.style.width)))"
    )
    assert [sum(strip) for strip in strips] == pytest.approx([100] * 5, abs=0.01)


def test_the_other_page_keeps_text_level_and_language(make_page: Make, server: str) -> None:
    lab = make_page(server).open("lang=en&level=1", LAB)
    lab.page.click(at("level-2"))
    lab.page.click(at("lang-fr"))
    lab.page.wait_for_function("document.documentElement.lang === 'fr'")
    lab.after(lambda: lab.page.fill(at("text"), TEXT))
    n = survivors(lab)
    for name in ("next_token", "sampler_lab"):
        lab.page.click(at(f"nav-{name}"))
        lab.page.wait_for_selector(f"{at(f'nav-{name}')}[aria-current=page]")
        lab.shown()
        assert lab.page.input_value(at("text")) == TEXT
        assert lab.page.get_attribute("html", "lang") == "fr"
        assert lab.page.get_attribute(at("level-2"), "aria-pressed") == "true"
    assert survivors(lab) == n
    lab.page.fill(at("text"), "Bonjour")  # and leaves before the model has seen it
    lab.page.go_back()
    lab.page.wait_for_selector(f"{at('nav-next_token')}[aria-current=page]")
    assert lab.page.input_value(at("text")) == "Bonjour"


def test_no_sentence_is_missing_in_either_language(make_page: Make, server: str) -> None:
    for lang, share in (("en", "%"), ("fr", "\u00a0%")):
        lab = make_page(server).open(f"lang={lang}&level=3&seed=7", LAB)
        add(lab, "grammar")
        click(lab, "draw-n-10000")
        lab.page.evaluate(UNFOLD)
        lab.page.click(at("add-sampler"))
        lab.page.click(at("lab-presets-button"))
        lab.page.wait_for_selector(f"{at('order-lab')}[data-tv]")
        assert share in lab.page.inner_text("[data-figure=tv]")
        keys = lab.page.evaluate(KEYS)
        assert [key for key in keys if not key.endswith((".py", ".cpp"))] == []  # files of a preset's source
        shown = lab.page.inner_text("[data-ready]")
        assert not [word for word in ("undefined", "NaN", "[object", "null") if word in shown]


def test_a_phone_needs_no_sideways_scrolling(make_page: Make, server: str) -> None:
    lab = make_page(server, viewport={"width": 390, "height": 844}, has_touch=True).open(
        "lang=fr&level=1", LAB
    )
    for level in (1, 3):
        lab.page.click(at(f"level-{level}"))
        lab.page.evaluate(UNFOLD)
        assert lab.page.evaluate("document.documentElement.scrollWidth") <= 390
    lab.page.click(at("add-sampler"))
    lab.page.click(at("lab-presets-button"))
    assert lab.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("scheme", "query"), [("light", "lang=fr&level=1"), ("dark", "lang=en&level=3&__theme=dark")]
)
def test_axe_finds_nothing_serious(make_page: Make, server: str, axe: Any, scheme: str, query: str) -> None:
    lab = make_page(server, reduced_motion="reduce", color_scheme=scheme).open(f"{query}&seed=7", LAB)
    add(lab, "grammar")
    click(lab, "draw-n-10000")
    lab.page.evaluate(UNFOLD)
    lab.page.click(at("add-sampler"))
    found = axe.run(lab.page, context="[data-ready]").response["violations"]
    told = [
        (each["id"], node["html"][:120], node["failureSummary"])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert not told, json.dumps(told, indent=1, ensure_ascii=False)


def test_hostile_tokens_are_shown_as_text(make_page: Make, hostile_server: str) -> None:
    lab = make_page(hostile_server).open("lang=en&level=3&seed=7&text=abc", LAB)
    names = lab.page.locator(f"{at('card-model')} .lb-token").all_inner_texts()
    assert names[:4] == [
        "<script>window.attacked = 1</script>",
        "${window.attacked = 2}",
        "<img src=x onerror='window.attacked = 3'>",
        "{{value}}",
    ]
    assert names[4] == "⟨U+202E⟩gnp.exe"
    add(lab, "xtc")
    assert search(lab, "attacked")
    click(lab, "draw-n-10000")
    click(lab, "draw-n-1")
    click(lab, "add-drawn")
    lab.page.evaluate(UNFOLD)
    lab.page.wait_for_selector(f"{at('order-lab')}[data-tv]")
    lab.page.click(at("lang-fr"))
    lab.page.wait_for_function("document.documentElement.lang === 'fr'")
    assert_harmless(lab)


def test_a_link_from_anyone_is_text_too(make_page: Make, server: str) -> None:
    attack = "<img src=x onerror='window.attacked = 1'>"
    steps = [{"sampler": "top_k", "k": attack}, {"sampler": "temperature", "temperature": -3}]
    view = linked({"text": attack, "model": attack, "steps": steps})
    lab = make_page(server).open("lang=en&level=3", view)
    assert lab.page.input_value(at("text")) == attack
    assert problem(lab, 0) != ""
    assert_harmless(lab)


def assert_harmless(lab: Any) -> None:
    assert lab.page.evaluate("window.attacked") is None
    assert lab.page.locator("[data-ready] img, [data-ready] script").count() == 0
