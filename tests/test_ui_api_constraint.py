"""POST /constraint/check, and a grammar as a stage."""

from __future__ import annotations

import json
import math

import pytest
from fastapi.testclient import TestClient

from tests.chain_client import (
    TOTAL,
    body_of,
    chain,
    ready,
    refused,
    strictly,
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return ready()


def test_a_grammar_is_checked_before_it_is_used(client):
    body = {"model": "toy", "kind": "choice", "grammar": "yes\nno"}
    answer = client.post("/api/v1/constraint/check", json=body)
    # a token of the toy is a byte: " ", "y" or "n" may come first
    assert (answer.status_code, strictly(answer.text)) == (200, {"ok": True, "n_allowed": 3, "unbounded": []})


def test_a_schema_without_an_end_is_accepted_with_a_hint(client):
    schema = '{"type": "array", "items": {"type": "boolean"}}'
    body = {"model": "toy", "kind": "json_schema", "grammar": schema}
    answer = client.post("/api/v1/constraint/check", json=body).json()
    assert answer["unbounded"] == [{"path": "", "type": "array", "keyword": "maxItems"}]


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"kind": "choice"}, "RepeatedAlternative", 400),
        ({"grammar": ""}, "EmptyGrammar", 400),
        ({"grammar": "["}, "InvalidGrammar", 400),
        ({"grammar": "x" * 20_001}, "InvalidKnob", 400),
        ({"grammar": "\ud800"}, "InvalidText", 400),
        ({"grammar": None}, "InvalidField", 400),
        ({"kind": "poem"}, "InvalidKnob", 400),
        ({"kind": "json_schema", "grammar": "[" * 10_000}, "GrammarTooDeep", 400),
        ({"model": "other"}, "UnknownModel", 404),
    ],
)
def test_a_grammar_that_cannot_be_used_says_why(client, changes, code, status, lang):
    body = {"model": "toy", "kind": "regex", "grammar": "a\na", **changes}
    answered, error = refused(client, body, route="constraint/check", lang=lang)
    assert (error["code"], answered) == (code, status)
    assert error["message"].endswith(".")


def test_a_grammar_forbids_at_its_stage_and_the_mass_it_takes_is_told(client):
    steps = [{"sampler": "grammar", "kind": "choice", "grammar": "c\nz"}]
    # the prompt is "ab"; the answer begins with " ", "c" or "z": 99 has logit 3, the two others 0
    stage = chain(client, steps=steps, prompt_len=2)["stages"][0]
    assert stage["n_after"] == 3
    assert stage["removed_mass"] == pytest.approx(1 - (math.e**3 + 2) / TOTAL, abs=1e-12)
    assert stage["details"]["n_forbidden"] == 257


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_an_impossible_constraint_is_told_at_its_card(client, lang):
    steps = [{"sampler": "top_k", "k": 1}, {"sampler": "grammar", "kind": "choice", "grammar": "z"}]
    status, error = refused(client, body_of(steps=steps, prompt_len=2), lang=lang)
    assert (status, error["code"], error["data"]["step"]) == (400, "NothingToDraw", 1)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_constraints_to_pick_from_are_ones_this_server_accepts(client, lang):
    body = strictly(client.get(f"/api/v1/page?lang={lang}").text)
    constraints = body["constraints"]["constraints"]
    assert body["constraints"]["opening"] in {constraint["id"] for constraint in constraints}
    for constraint in constraints:
        asked = {"model": "toy", "kind": constraint["kind"], "grammar": constraint["grammar"]}
        answer = client.post("/api/v1/constraint/check", json=asked)
        assert answer.status_code == 200, answer.text
    assert len(json.dumps(body)) < 200_000  # fetched once per language
