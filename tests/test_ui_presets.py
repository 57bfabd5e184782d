"""Every text of the menu shows, on the embedded model, what it is there to show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import LoadedModel, load
from sandbox.distribution import Distribution
from tests.log_odds import near

PRESETS = json.loads((Path(__file__).parent.parent / "ui" / "presets.json").read_text(encoding="utf-8"))
ALL = [preset for group in PRESETS["groups"] for preset in group["presets"]]
BITS = 0.3  # the figures were read with other slices and kernels: logits move by up to 0.6 between routes


@pytest.fixture(scope="module")
def model() -> Iterator[LoadedModel]:
    model = load()
    yield model
    model.close()


def test_the_page_opens_on_a_text_of_the_menu_and_no_id_stands_twice():
    ids = [preset["id"] for preset in ALL]
    assert PRESETS["opening"] in ids and len(set(ids)) == len(ids)


def test_a_figure_is_near_by_odds_so_that_a_small_one_must_be_met_as_well():
    """Odds of 1.2 % are 1.2 to 98.8; times e^0.5 either way that is 0.73 to 1.96 %."""
    assert [near(percent, 1.2) for percent in (0.72, 0.74, 1.95, 1.97, 2.4)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [near(percent, 96.4) for percent in (94.1, 94.3, 97.7, 97.9)] == [False, True, True, False]
    assert not near(0.0, 1.2) and not near(100.0, 96.4)


@pytest.mark.real
@pytest.mark.parametrize("preset", ALL, ids=lambda preset: preset["id"])
def test_a_preset_shows_its_figures(model, preset):
    dist = Distribution.from_logits(model.engine.next_logits(model.tokenizer.encode(preset["text"])))
    shares = {
        model.tokenizer.token_bytes(candidate.token_id): 100 * candidate.prob for candidate in dist.top(2000)
    }
    for expected in preset.get("expect", []):
        percent = shares[expected["token"].encode()]
        assert near(percent, expected["percent"]), (expected["token"], percent)
    if "entropy_bits" in preset:
        assert dist.entropy_bits == pytest.approx(preset["entropy_bits"], abs=BITS)
