"""GET /samplers: THE TABLE, and every sampler and preset of it through /chain."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from sandbox.presets import PRESETS
from sandbox.samplers import SAMPLERS
from tests.chain_client import (
    chain,
    example,
    ready,
    step,
    strictly,
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return ready()


def test_the_samplers_are_the_table_in_its_order(client):
    body = strictly(client.get("/api/v1/samplers").text)
    assert [sampler["name"] for sampler in body["samplers"]] == list(SAMPLERS)
    assert body["families"] == list(dict.fromkeys(sampler["family"] for sampler in body["samplers"]))
    for sampler in body["samplers"]:
        assert [knob["name"] for knob in sampler["knobs"]] == list(SAMPLERS[sampler["name"]].knobs)
        assert all(knob["kind"] and isinstance(knob["required"], bool) for knob in sampler["knobs"])


def test_no_number_is_larger_than_javascript_counts(client):
    def numbers(value: object) -> list[float]:
        if isinstance(value, dict | list):
            return [
                n for each in (value.values() if isinstance(value, dict) else value) for n in numbers(each)
            ]
        return [value] if isinstance(value, int | float) else []

    assert all(abs(n) <= 2**53 for n in numbers(client.get("/api/v1/samplers").json()))


@pytest.mark.parametrize("index", range(len(PRESETS)))
def test_the_chain_of_every_preset_runs(client, index):
    preset = client.get("/api/v1/samplers").json()["presets"][index]
    assert preset["title"] and preset["source"] and preset["date"]
    assert len(chain(client, steps=preset["steps"])["stages"]) == len(preset["steps"])


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_sampler_answers_over_http(client, name):
    others = {"unconditional": step(client, [97]), "amateur": step(client, [97])}
    body = chain(
        client,
        [97, 98, 97, 98],
        steps=[example(name)],
        others=others,
        follow=list(range(95, 103)),
        prompt_len=4,
    )
    assert body["stages"][0]["sampler"] == name
    survivors = body["final"]["survivors"]
    assert sum(survivors["probs"]) == pytest.approx(1, abs=1e-12)
    start, end = body["drawn"]["from"], body["drawn"]["to"]
    assert start - 1e-12 <= body["u"] < end + 1e-12 and body["drawn"]["token_id"] in survivors["token_ids"]
    for token_id, path in body["paths"].items():
        assert (path["removed_by"] is None) == (int(token_id) in survivors["token_ids"])
        passage = path["passages"][0]
        blanks = set(re.findall(r"\{(\w+)\}", passage["worked"]["text"]))
        assert blanks <= set(passage["worked"]["numbers"]), name
        assert passage["prob_before"] == pytest.approx(path["p_model"])
