"""A learner at work: text, bars, sliders, draws, search. Driven in Chromium on the embedded model."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.real]
Make = Callable[..., Any]


def rows(home: Any, field: str = "data-p") -> list[float]:
    """The shown bars' exact probabilities, most likely first."""
    script = f"nodes => nodes.filter(n => n.offsetParent).map(n => Number(n.getAttribute('{field}')))"
    shown: list[float] = home.page.locator("[data-testid=bar-row]").evaluate_all(script)
    return shown


def others(home: Any, field: str = "data-p") -> float:
    return float(home.page.get_attribute("[data-testid=others]", field))


def bar_texts(home: Any) -> list[str]:
    script = "nodes => nodes.filter(n => n.offsetParent).map(n => n.querySelector('.lb-token').textContent)"
    texts: list[str] = home.page.locator("[data-testid=bar-row]").evaluate_all(script)
    return texts


def pills(home: Any) -> list[str]:
    return list(home.page.locator("[data-testid=pills] button").all_inner_texts())


def set_slider(home: Any, name: str, value: float) -> None:
    """As a hand would: the number typed beside the slider."""
    field = home.page.locator(f"[data-testid={name}-number]")
    field.fill(str(value))
    field.press("Enter")
    home.page.wait_for_function(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )


def test_the_page_opens_on_paris_and_adds_up_to_one(home: Any) -> None:
    assert pills(home) == ["The", "␠capital", "␠of", "␠France", "␠is"]
    assert bar_texts(home)[0] == "␠Paris"
    assert 0.74 < rows(home)[0] < 0.80
    assert len(rows(home)) == 10
    assert sum(rows(home)) + others(home) == pytest.approx(1, abs=1e-9)
    assert "100" in home.page.inner_text("[data-testid=sum]")


def test_typing_a_text_shows_its_pills_and_its_bars(home: Any) -> None:
    home.after(lambda: home.page.fill("[data-testid=text]", "Once upon a time"))
    assert pills(home) == ["Once", "␠upon", "␠a", "␠time"]
    assert bar_texts(home)[0] == ","
    assert sum(rows(home)) + others(home) == pytest.approx(1, abs=1e-9)


def test_a_preset_of_the_menu_is_loaded(home: Any) -> None:
    home.page.click("[data-testid=presets-button]")
    home.after(lambda: home.page.click("[data-preset=once]"))
    assert home.page.input_value("[data-testid=text]") == "Once upon a time"
    assert bar_texts(home)[0] == ","


def test_a_click_on_a_bar_appends_it_and_undo_brings_the_same_bars_back(home: Any) -> None:
    before = rows(home)
    home.after(lambda: home.page.locator("[data-testid=bar-row]").nth(1).click())
    assert pills(home)[-1] == "␠the"
    assert rows(home) != before
    home.after(lambda: home.page.click("[data-testid=undo]"))
    assert rows(home) == before


def test_enter_on_a_bar_appends_it(home: Any) -> None:
    home.page.locator("[data-testid=bar-row]").first.focus()
    home.after(lambda: home.page.keyboard.press("Enter"))
    assert pills(home)[-1] == "␠Paris"


def test_draw_shows_where_u_landed(make_page: Make, server: str) -> None:
    """The die is the server's: the same seed gives the same u, and u lies in the interval of the token it drew."""
    drawn = []
    for _ in range(2):
        home = make_page(server).open("lang=en&level=3&seed=7")
        home.page.click("[data-testid=draw]")
        mark = home.page.wait_for_selector("[data-testid=strip] [data-u]", state="attached")
        u = float(mark.get_attribute("data-u"))
        assert "u" in home.page.inner_text("[data-testid=dice-caption]")
        home.page.wait_for_selector("[data-testid=pills] [data-part=appended]")
        drawn.append((u, pills(home)[-1]))
    assert drawn[0] == drawn[1]
    assert 0 <= drawn[0][0] < 1


def test_ten_draws_are_counted(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2&seed=7")
    home.page.click("[data-testid=drawTen]")
    counted = home.page.locator("[data-testid=tally] [data-count]")
    counted.first.wait_for()
    counts = counted.evaluate_all("nodes => nodes.map(n => Number(n.dataset.count))")
    assert sum(counts) == 10
    assert pills(home)[-1] == "␠is"  # looking is free: nothing was appended


def test_play_writes_until_it_is_paused(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2&seed=7")
    home.page.click("[data-testid=play]")
    home.page.wait_for_function("document.querySelectorAll('[data-part=appended]').length >= 2")
    home.page.click("[data-testid=play]")
    assert home.page.get_attribute("[data-testid=play]", "aria-pressed") == "false"
    home.after(lambda: home.page.click("[data-testid=undo]"))


def test_any_token_of_the_vocabulary_is_found_with_its_rank(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2")
    home.page.fill("[data-testid=search]", "Paris")
    script = (
        "nodes => nodes.map(n => [n.querySelector('.lb-token').textContent, +n.dataset.rank, +n.dataset.p])"
    )
    home.page.wait_for_selector("[data-testid=search-result]")
    found = {
        text: (rank, p)
        for text, rank, p in home.page.locator("[data-testid=search-result]").evaluate_all(script)
    }
    assert found["␠Paris"][0] == 1
    assert found["␠Paris"][1] == rows(home)[0]
    assert 38 <= found["Paris"][0] <= 50  # 44 where the figures of docs were measured
    assert found["Paris"][1] == pytest.approx(0.00058, rel=0.3)


def test_filters_grey_what_they_remove_and_say_who_did_it(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2")
    model = rows(home)
    set_slider(home, "top_k", 3)
    after = rows(home, "data-p-after")
    assert rows(home) == model
    assert after[:3] == pytest.approx([p / sum(model[:3]) for p in model[:3]])
    assert after[3:] == [0.0] * 7
    removed = home.page.locator("[data-testid=bar-row]").nth(3)
    assert "top-k" in removed.inner_text().lower()
    assert others(home, "data-p-after") == 0


def test_temperature_zero_is_a_rule(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2")
    set_slider(home, "temperature", 0)
    assert rows(home, "data-p-after") == [1.0] + [0.0] * 9
    home.after(lambda: home.page.click("[data-testid=draw]"))
    assert pills(home)[-1] == "␠Paris"


def test_after_the_chain_everything_still_adds_up_to_one(make_page: Make, server: str) -> None:
    home = make_page(server).open("lang=en&level=2")
    set_slider(home, "temperature", 1.7)
    assert sum(rows(home, "data-p-after")) + others(home, "data-p-after") == pytest.approx(1, abs=1e-9)


COUNT_FRAMES = """() => {
  window.frames_seen = 0; window.counting = true; performance.clearMeasures("logitbox:redraw");
  const tick = () => { window.frames_seen += 1; if (window.counting) requestAnimationFrame(tick); };
  window.counting_since = performance.now(); requestAnimationFrame(tick);
}"""
STOP = """() => { window.counting = false; return {
  frames: window.frames_seen, ms: performance.now() - window.counting_since,
  redraws: performance.getEntriesByName("logitbox:redraw").map(entry => entry.duration) }; }"""


def drag_once(home: Any, n_moves: int = 90) -> dict[str, float]:
    """A second of a hand on the temperature. fps, and the milliseconds of main thread that one redraw costs."""
    page = home.page
    page.locator("[data-testid=temperature]").scroll_into_view_if_needed()
    box = page.locator("[data-testid=temperature]").bounding_box()
    y = box["y"] + box["height"] / 2
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable")

    def busy_s() -> float:
        metrics = meter.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.evaluate(COUNT_FRAMES)
    before = busy_s()
    for i in range(n_moves):
        page.mouse.move(box["x"] + box["width"] * (0.15 + 0.8 * abs(((2 * i / n_moves) % 2) - 1)), y)
    seen, busy = page.evaluate(STOP), busy_s() - before
    page.mouse.up()
    n_redraws = len(seen["redraws"])
    return {
        "fps": 1000 * seen["frames"] / seen["ms"],
        "redraws": n_redraws,
        "script_ms": statistics.median(seen["redraws"] or [0]),
        "main_thread_ms": 1000 * busy / max(n_redraws, 1),
    }


def test_dragging_the_temperature_asks_nobody_and_keeps_the_frame_rate(make_page: Make, server: str) -> None:
    """At least 55 frames a second, or at most 6 ms of main thread a redraw, in one of three drags."""
    home = make_page(server).open("lang=en&level=2")
    home.requests.clear()
    for _ in range(3):
        measured = drag_once(home)
        print(json.dumps(measured))
        assert measured["redraws"] > 10
        is_smooth = measured["fps"] >= 55 or measured["main_thread_ms"] <= 6
        if is_smooth:
            break
    assert is_smooth, measured
    assert home.requests == []
    assert home.page.get_attribute("[data-testid=model-calls]", "data-n") == "0"


WATCH_CLICK = """() => {
  const root = document.querySelector("[data-ready]"); window.waits = [];
  root.addEventListener("click", () => {
    const start = performance.now();
    const observer = new MutationObserver(() => {
      observer.disconnect(); window.waits.push(performance.now() - start);
    });
    observer.observe(root, { attributes: true, attributeFilter: ["data-seq"] });
  }, true);
}"""


def test_a_click_costs_little_beyond_the_engine(home: Any) -> None:
    """Goal: 50 ms beyond the engine's own step; the second best of six clicks, as machines are shared."""
    engine_ms: list[float] = []

    def listen(response: Any) -> None:
        if response.url.endswith("/api/v1/step"):
            engine_ms.append(float(response.json()["elapsed_ms"]))

    home.page.evaluate(WATCH_CLICK)
    home.page.on("response", listen)
    for _ in range(6):
        home.after(lambda: home.page.locator("[data-testid=bar-row]").first.click())
    waits = home.page.evaluate("window.waits")
    assert len(waits) == len(engine_ms) == 6
    beyond = sorted(wait - engine for wait, engine in zip(waits, engine_ms, strict=True))
    print([round(each, 1) for each in beyond])
    assert beyond[1] <= 50


def test_the_ladder_climbs_by_one_example(home: Any) -> None:
    home.after(lambda: home.page.fill("[data-testid=text]", "La capitale de la France est"))
    seen = []
    for _ in range(3):
        home.after(lambda: home.page.click("[data-testid=ladder-more]"))
        seen.append(float(home.page.get_attribute("[data-testid=ladder] li.is-here", "data-p")))
    assert seen == sorted(seen)
    assert seen[-1] > 0.6


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("What is the capital of France?", "question"),
        ("The capital of France is ", "space"),
        ("Il fait beau et je suis dans le jardin avec ma", "french"),
    ],
)
def test_a_text_that_misleads_gets_one_line_of_advice(home: Any, text: str, advice: str) -> None:
    home.after(lambda: home.page.fill("[data-testid=text]", text))
    assert home.page.locator(f"[data-advice={advice}]").is_visible()


def test_a_question_goes_through_the_chat_template(home: Any) -> None:
    home.after(lambda: home.page.fill("[data-testid=text]", "What is the capital of France?"))
    home.after(lambda: home.page.click("[data-testid=mode-ask]"))
    assert home.page.locator("[data-testid=pills] [data-part=template]").count() > 5
    assert "<|im_start|>" in pills(home)


def test_markup_of_the_template_in_a_message_stays_text(home: Any) -> None:
    home.after(lambda: home.page.click("[data-testid=mode-ask]"))
    home.after(lambda: home.page.fill("[data-testid=text]", "<|im_end|>"))
    content = home.page.locator("[data-testid=pills] [data-part=prompt]").all_inner_texts()
    assert "".join(content) == "<|im_end|>"
    assert len(content) > 1


def test_a_megabyte_of_text_gets_one_sentence_and_stays(home: Any) -> None:
    text = "spam " * 200_000
    home.page.fill("[data-testid=text]", text)
    problem = home.page.locator("[data-testid=problem]")
    problem.wait_for()
    assert problem.inner_text().count(".") <= 2
    kept = home.page.input_value("[data-testid=text]")
    is_kept = kept == text  # outside the assert: pytest would print the difference of two megabytes
    assert is_kept, f"{len(kept)} characters are left"
    home.after(lambda: home.page.fill("[data-testid=text]", "Once upon a time"))
    assert not problem.is_visible()
    assert bar_texts(home)[0] == ","


def test_typing_on_while_the_model_answers_loses_no_letter(home: Any) -> None:
    """Pauses of the length at which the page stops waiting for the next key, so that answers arrive between keys."""
    home.page.focus("[data-testid=text]")
    home.page.keyboard.press("Control+A")
    home.page.keyboard.type("Once upon a time", delay=260)
    home.page.wait_for_function("() => document.querySelectorAll('[data-testid=pills] button').length === 4")
    assert home.page.input_value("[data-testid=text]") == "Once upon a time"


def test_an_emptied_text_says_so_and_the_page_lives_on(home: Any) -> None:
    home.page.fill("[data-testid=text]", "")
    home.page.locator("[data-testid=problem]").wait_for()
    home.after(lambda: home.page.fill("[data-testid=text]", "Hello"))
    assert sum(rows(home)) + others(home) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("lang", "interval"), [("en", "(0, 1]"), ("fr", "]0\u00a0; 1]")])
def test_a_wrong_number_is_refused_in_words(make_page: Make, server: str, lang: str, interval: str) -> None:
    home = make_page(server).open(f"lang={lang}&level=2")
    before = rows(home, "data-p-after")
    set_slider(home, "top_p", 0)
    assert interval in home.page.inner_text(".lb-controls .lb-problem")
    assert rows(home, "data-p-after") == before


def test_a_reload_keeps_the_text_of_the_tab(home: Any) -> None:
    home.after(lambda: home.page.fill("[data-testid=text]", "Once upon a time"))
    home.open("lang=en")
    assert home.page.input_value("[data-testid=text]") == "Once upon a time"


def test_a_row_that_the_server_forgot_is_asked_for_again(home: Any) -> None:
    gone = {"error": {"code": "StepNotFound", "message": "gone", "data": {}}}
    home.page.route("**/api/v1/logits/*", lambda route: route.fulfill(status=404, json=gone), times=1)
    home.after(lambda: home.page.fill("[data-testid=text]", "Once upon a time"))
    assert bar_texts(home)[0] == ","


def test_a_server_that_went_away_is_said_and_waited_for(home: Any) -> None:
    away = "**/api/v1/**"
    home.page.route(away, lambda route: route.abort())
    home.page.locator("[data-testid=bar-row]").first.click()
    home.page.locator("[data-testid=problem]").wait_for()
    home.after(lambda: home.page.unroute(away))
    assert pills(home)[-1] == "␠Paris"
    assert sum(rows(home)) + others(home) == pytest.approx(1, abs=1e-9)
