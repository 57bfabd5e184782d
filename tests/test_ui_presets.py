"""Every text of the menu shows, on the embedded model, what it is there to show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import LoadedModel, load
from sandbox.distribution import Distribution

PRESETS = json.loads((Path(__file__).parent.parent / "ui" / "presets.json").read_text(encoding="utf-8"))
ALL = [preset for group in PRESETS["groups"] for preset in group["presets"]]
# The figures were read with other slices and kernels: logits move by up to 0.6 between routes.
POINTS, RELATIVE, BITS = 4.0, 0.25, 0.3


@pytest.fixture(scope="module")
def model() -> Iterator[LoadedModel]:
    model = load()
    yield model
    model.close()


def test_the_page_opens_on_a_text_of_the_menu_and_no_id_stands_twice():
    ids = [preset["id"] for preset in ALL]
    assert PRESETS["opening"] in ids and len(set(ids)) == len(ids)


@pytest.mark.real
@pytest.mark.parametrize("preset", ALL, ids=lambda preset: preset["id"])
def test_a_preset_shows_its_figures(model, preset):
    dist = Distribution.from_logits(model.engine.next_logits(model.tokenizer.encode(preset["text"])))
    shares = {
        model.tokenizer.token_bytes(candidate.token_id): 100 * candidate.prob for candidate in dist.top(2000)
    }
    for expected in preset.get("expect", []):
        allowed = max(RELATIVE * expected["percent"], min(POINTS, expected["percent"]))
        assert shares[expected["token"].encode()] == pytest.approx(expected["percent"], abs=allowed)
    if "entropy_bits" in preset:
        assert dist.entropy_bits == pytest.approx(preset["entropy_bits"], abs=BITS)
