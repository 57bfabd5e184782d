"""What each preset teaches, as figures of the embedded model at T = 1 over the whole vocabulary (in percent).

How far a figure may lie from them is told in tests/log_odds.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.log_odds import near

pytestmark = [pytest.mark.browser, pytest.mark.real]

FRANCE = "La capitale de la France est"
SPAIN = "La capitale de l'Espagne est Madrid. "
ITALY = "La capitale de l'Italie est Rome. "
GERMANY = "La capitale de l'Allemagne est Berlin. "
# each further example goes in front
LADDER = (FRANCE, SPAIN + FRANCE, ITALY + SPAIN + FRANCE, GERMANY + ITALY + SPAIN + FRANCE)
PRESETS: dict[str, dict[str, float]] = {
    "The capital of France is": {" Paris": 76.8, " the": 6.1, " London": 1.2},
    "Once upon a time, there was a little": {" girl": 35.4, " town": 23.5, " village": 3.6},
    "The opposite of hot is": {" cold": 69.6},
    "To be or not to": {" be": 92.7},
    "Once upon a time": {",": 92.9},
    "The cat sat on the": {" cat": 7.3, " moon": 5.9, " cou": 3.4},
    "The capital of Australia is": {" Canberra": 37.8, " Sydney": 33.7},
    "The king sat on his throne. The queen sat on": {" her": 54.4, " the": 15.1, " his": 10.7},
    "The secretary was late because": {" she": 40.1, " he": 5.6},
    "The plumber was late because": {" he": 33.8, " she": 15.0},
    "The engineer smiled because": {" she": 31.1, " he": 20.0},
    "def add(a, b):\n    return": {" a": 88.6},
    "Two plus two equals": {" five": 13.7, " four": 13.2},
    "La Révolution française commence en 17": {"8": 73.5, "9": 12.1},
    "Rouge, blanc, bleu. Rouge, blanc,": {" ble": 82.8},
    "Napoléon Bonaparte est né en Cors": {"ica": 91.1},
    "Frère Jacques, frère Jacques, dormez-vous, dormez-": {"vous": 72.3},
    "Le football est un sport. Le tennis est un": {" sport": 72.5},
    "Le rugby est un sport. Le violon est un": {" sport": 29.1},
    "Le piano est un instrument. Le violon est un": {" instrument": 52.7},
    LADDER[0]: {" Paris": 0.008},
    "What is the capital of France?": {},
}
BESIDE = (
    *LADDER[1:],
    "La Révolution française commence en 178",
    "The capital of France is ",
    "Bonjour",
    "🎉",
)


@pytest.fixture(scope="module")
def told(browser: Any, server: str) -> dict[str, dict[str, Any]]:
    page = browser.new_page()
    page.goto(f"{server}/static-ui/core/store.mjs")  # any page of ours: the modules must come from its origin
    page.wait_for_function("fetch('/api/v1/models').then(r => r.json()).then(m => m.status === 'ready')")
    script = Path(__file__).with_name("presets.js").read_text(encoding="utf-8")
    answer: dict[str, dict[str, Any]] = page.evaluate(script, [*PRESETS, *BESIDE])
    page.close()
    return answer


def test_the_menu_holds_every_preset(home: Any) -> None:
    groups = home.page.evaluate(
        "fetch('/api/v1/page?lang=en').then(r => r.json()).then(p => p.presets.groups)"
    )
    listed = [preset["text"] for group in groups for preset in group["presets"]]
    assert set(PRESETS) <= set(listed)


@pytest.mark.parametrize("text", [text for text in PRESETS if PRESETS[text]])
def test_a_preset_shows_its_figures(told: dict[str, dict[str, Any]], text: str) -> None:
    percent = told[text]["percent"]
    for token, expected in PRESETS[text].items():
        assert near(percent[token], expected), (token, percent[token])
    likely = max(PRESETS[text], key=lambda token: PRESETS[text][token])
    assert PRESETS[text][likely] < 15 or told[text]["first"] == likely


def test_the_ladder_climbs(told: dict[str, dict[str, Any]]) -> None:
    climbed = [told[text]["percent"][" Paris"] for text in LADDER]
    assert all(map(near, climbed, [0.008, 8.8, 34.7, 76.5]))
    assert 700 < told[LADDER[0]]["ranks"][" Paris"] < 1100  # 884


def test_temperature_bends_the_little_girl(told: dict[str, dict[str, Any]]) -> None:
    little = told["Once upon a time, there was a little"]
    assert near(little["cold"][" girl"], 67.7)
    assert near(little["hot"][" girl"], 8.9)


def test_the_nucleus_adapts_to_the_law(told: dict[str, dict[str, Any]]) -> None:
    once, france, cat = (
        told[text]["nucleus"]
        for text in ("Once upon a time", "The capital of France is", "The cat sat on the")
    )
    assert (once, france) == (1, pytest.approx(10, abs=2))
    assert cat == pytest.approx(565, rel=0.1)


def test_certain_and_flat_laws_show_in_their_entropy(told: dict[str, dict[str, Any]]) -> None:
    assert told["The capital of France is"]["entropyBits"] == pytest.approx(2.19, abs=0.25)
    assert told["The cat sat on the"]["entropyBits"] == pytest.approx(8.19, abs=0.25)
    assert near(told["The cat sat on the"]["others"], 69)


def test_paris_has_two_tokens(told: dict[str, dict[str, Any]]) -> None:
    france = told["The capital of France is"]
    assert france["ranks"][" Paris"] == 1
    assert 40 <= france["ranks"]["Paris"] <= 48  # 44
    assert france["percent"]["Paris"] == pytest.approx(0.058, abs=0.01)


def test_one_digit_is_one_token_and_follows_history(told: dict[str, dict[str, Any]]) -> None:
    assert near(told["La Révolution française commence en 178"]["percent"]["9"], 96.4)


def test_a_trailing_space_changes_everything(told: dict[str, dict[str, Any]]) -> None:
    spaced = told["The capital of France is "]
    assert spaced["first"] == "2" and near(spaced["firstPercent"], 33.0)


def test_a_raw_question_is_answered_by_the_end_token(told: dict[str, dict[str, Any]]) -> None:
    asked = told["What is the capital of France?"]
    assert asked["firstIsEnd"] and near(asked["firstPercent"], 72.7)


def test_a_token_is_not_a_word(told: dict[str, dict[str, Any]]) -> None:
    assert told["Bonjour"]["tokens"] == ["Bon", "jour"]
    assert len(told["🎉"]["tokens"]) == 3
