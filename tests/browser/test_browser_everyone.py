"""For everyone: levels, languages, dark, phone, keyboard, screen reader, tour; and tokens that attack the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.real]
Make = Callable[..., Any]
LOOKS = [
    pytest.param({"color_scheme": "light"}, "lang=en&level=1", id="light-1"),
    pytest.param({"color_scheme": "light"}, "lang=fr&level=3", id="light-3"),
    pytest.param({"color_scheme": "dark"}, "lang=en&level=3&__theme=dark", id="dark-3"),
    pytest.param({"viewport": {"width": 390, "height": 844}}, "lang=fr&level=2", id="phone-2"),
]

# the first background behind the page that lets nothing through, and the text on it, as [red, green, blue]
COLOURS = """() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let node = document.querySelector("[data-ready]");
  const ink = rgb(getComputedStyle(node).color).slice(0, 3);
  while (node && (rgb(getComputedStyle(node).backgroundColor)[3] ?? 1) < 1) node = node.parentElement;
  return [node ? rgb(getComputedStyle(node).backgroundColor).slice(0, 3) : [255, 255, 255], ink];
}"""


def visible(home: Any, name: str) -> bool:
    shown: bool = home.page.locator(f"[data-testid={name}]").first.is_visible()
    return shown


@pytest.mark.parametrize(
    ("level", "shown"),
    [(1, [True, False, False]), (2, [True, True, False]), (3, [True, True, True])],
)
def test_a_level_shows_its_tools_and_no_more(
    make_page: Make, server: str, level: int, shown: list[bool]
) -> None:
    home = make_page(server).open(f"lang=en&level={level}")
    assert [visible(home, name) for name in ("draw", "temperature", "min_p")] == shown


def test_level_one_speaks_neither_of_bits_nor_of_logits(home: Any) -> None:
    text = home.page.locator("[data-ready]").inner_text().lower()
    assert not [word for word in ("bits", "logit ", "logits", "entropy") if word in text]


def test_a_chosen_level_is_remembered(home: Any) -> None:
    home.page.click("[data-testid=level-3]")
    home.open("lang=en")
    assert visible(home, "min_p")


def test_a_chosen_language_stays(make_page: Make, server: str) -> None:
    home = make_page(server, locale="fr-FR").open()
    assert home.page.get_attribute("html", "lang") == "fr"
    assert "Autres" in home.page.inner_text("[data-testid=others]")
    assert "\u00a0%" in home.page.inner_text("[data-testid=sum]")
    home.page.click("[data-testid=lang-en]")
    home.page.wait_for_function("document.documentElement.lang === 'en'")
    home.open()
    assert "Others" in home.page.inner_text("[data-testid=others]")


def test_a_change_of_language_keeps_the_text_and_what_was_added(home: Any) -> None:
    home.after(lambda: home.page.locator("[data-testid=bar-row]").first.click())
    home.page.click("[data-testid=lang-fr]")
    home.page.wait_for_function("document.documentElement.lang === 'fr'")
    assert home.page.locator("[data-part=appended]").count() == 1


def test_dark_is_dark(make_page: Make, server: str) -> None:
    home = make_page(server, color_scheme="dark").open("lang=en")
    background, ink = home.page.evaluate(COLOURS)
    assert max(background) < 60 and min(ink) > 180, (background, ink)


def test_the_browser_itself_reaches_no_other_machine(browser: Any) -> None:
    """Names and bare addresses alike, so that a page that tried would fail here as well as be told on."""
    page = browser.new_page()
    seen: list[tuple[str, str]] = []
    page.on("requestfailed", lambda request: seen.append((request.url, request.failure)))
    for url in ("http://example.org/", "http://192.0.2.1/"):
        page.evaluate("url => fetch(url, {mode: 'no-cors'}).catch(() => null)", url)
    page.close()
    refused = "net::ERR_NAME_NOT_RESOLVED"
    assert seen == [("http://example.org/", refused), ("http://192.0.2.1/", refused)]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_phone_needs_no_sideways_scrolling(make_page: Make, server: str, level: int) -> None:
    home = make_page(server, viewport={"width": 390, "height": 844}).open(f"lang=fr&level={level}")
    assert home.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_whole_path_works_by_keyboard(home: Any) -> None:
    """From the top of the document by Tab alone: into the text, to the bars, Enter, to Undo, Enter."""
    page = home.page

    def tab_to(name: str) -> None:
        focused = "() => document.activeElement?.closest('[data-testid]')?.dataset.testid ?? ''"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(focused) == name:
                return
        pytest.fail(f"Tab never reached {name}")

    page.evaluate("document.activeElement?.blur()")
    tab_to("text")
    page.keyboard.press("Control+A")
    home.after(lambda: page.keyboard.type("Once upon a"))
    tab_to("bar-row")
    page.keyboard.press("ArrowDown")
    home.after(lambda: page.keyboard.press("Enter"))
    assert page.locator("[data-part=appended]").count() == 1
    home.after(lambda: page.keyboard.press("u"))
    assert page.locator("[data-part=appended]").count() == 0


def test_a_bar_is_read_aloud_with_its_figure(home: Any) -> None:
    label = home.page.locator("[data-testid=bar-row]").first.get_attribute("aria-label")
    assert label.startswith("space Paris, 7")


def test_the_tour_starts_is_left_and_resumed(home: Any) -> None:
    home.after(lambda: home.page.click("[data-testid=tour-button]"))
    home.page.click("[data-testid=tour-choice-2]")
    home.page.click("[data-testid=tour-see]")
    home.page.locator("[data-testid=tour-told]").wait_for()
    assert "7" in home.page.inner_text("[data-testid=tour-told]")
    home.after(lambda: home.page.click("[data-testid=tour-next]"))
    home.page.click("[data-testid=tour-leave]")
    assert not visible(home, "tour")
    home.after(lambda: home.page.click("[data-testid=tour-button]"))
    assert "2" in home.page.inner_text("[data-testid=tour] .lb-over")


def test_every_moment_of_the_tour_reaches_its_sentence(make_page: Make, server: str) -> None:
    home = make_page(server, reduced_motion="reduce").open("lang=en&seed=7")
    home.after(lambda: home.page.click("[data-testid=tour-button]"))
    for _ in range(8):
        home.page.locator("[data-testid=tour-choice-1]").click()
        see = home.page.locator("[data-testid=tour-see]")
        if see.is_visible():
            see.click()
        told = home.page.locator("[data-testid=tour-told]")
        told.wait_for()
        assert "{" not in told.inner_text()
        home.after(lambda: home.page.click("[data-testid=tour-next]"))
    assert not visible(home, "tour")
    assert visible(home, "ladder")


def test_model_engine_and_quantisation_are_named(home: Any) -> None:
    facts = home.page.inner_text("[data-testid=model-facts]")
    assert all(word in facts for word in ("SmolLM2", "Q4_1", "llama.cpp"))


@pytest.mark.parametrize(("options", "query"), LOOKS)
def test_axe_finds_nothing_serious(
    make_page: Make, server: str, axe: Any, options: dict[str, Any], query: str
) -> None:
    # without motion: a button that is still fading in has the contrast of nobody's design
    home = make_page(server, reduced_motion="reduce", **options).open(query)
    found = axe.run(home.page, context="[data-ready]").response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    told = [
        (each["id"], node["html"][:120], node["failureSummary"]) for each in serious for node in each["nodes"]
    ]
    assert not serious, json.dumps(told, indent=1, ensure_ascii=False)


def test_no_sentence_is_missing_in_either_language(make_page: Make, server: str) -> None:
    """A key without its sentence would show as the key itself: words with dots or underscores in them."""
    for lang in ("en", "fr"):
        home = make_page(server).open(f"lang={lang}&level=3")
        shown = home.page.evaluate(
            "() => document.querySelector('[data-ready]').innerText.match(/\\b[a-z]+[._][a-z_.]+[a-z]\\b/g)"
        )
        assert [word for word in shown or [] if word not in ("llama.cpp",)] == []


def test_hostile_tokens_are_shown_as_text(make_page: Make, hostile_server: str) -> None:
    home = make_page(hostile_server).open("lang=en&level=3&text=abc")
    tokens = home.page.locator("[data-testid=bar-row] .lb-token").all_inner_texts()
    assert tokens[:4] == [
        "<script>window.attacked = 1</script>",
        "${window.attacked = 2}",
        "<img src=x onerror='window.attacked = 3'>",
        "{{value}}",
    ]
    assert tokens[4] == "⟨U+202E⟩gnp.exe"
    assert tokens[5] == "⟨U+0000⟩⟨U+001B⟩[31m"
    for _ in range(3):
        home.after(lambda: home.page.locator("[data-testid=bar-row]").first.click())
    home.page.fill("[data-testid=search]", "attacked")
    home.page.wait_for_selector("[data-testid=search-result]")
    home.page.click("[data-testid=lang-fr]")
    home.page.wait_for_function("document.documentElement.lang === 'fr'")
    assert home.page.evaluate("window.attacked") is None
    assert home.page.locator("[data-ready] img, [data-ready] script").count() == 0
