"""POST /chain and /draws: whatever is asked, an answer or one sentence, never our own failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.samplers import SAMPLERS
from sandbox.workbench import RowStore
from tests.chain_client import (
    MIROSTAT,
    RowEngine,
    body_of,
    chain,
    client_of,
    example,
    ready,
    refused,
    step,
    strictly,
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return ready()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_an_error_points_at_its_card(client, lang):
    good, bad = {"sampler": "greedy"}, {"sampler": "top_k", "k": 0}
    for changes, data in (
        ({"steps": [good, bad]}, {"step": 1}),
        ({"steps": [good], "compare": [good, good, bad]}, {"step": 2, "chain": "compare"}),
    ):
        status, error = refused(client, body_of(**changes), lang=lang)
        assert (status, error["code"]) == (400, "KnobOutOfRange")
        assert data.items() <= error["data"].items()
        assert "top_k.k = 0" in error["message"] and ("n'est pas" in error["message"]) == (lang == "fr")


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth > 1 else []


STEP = {"sampler": "top_p", "p": 0.9}
BAD = [
    ({"steps": None}, "InvalidField", 400),
    ({"steps": {}}, "InvalidField", 400),
    ({"steps": "greedy"}, "InvalidField", 400),
    ({"steps": [STEP] * 41}, "InvalidField", 400),
    ({"steps": [{"sampler": "top_k", "k": nested(18)}]}, "KnobOutOfRange", 400),
    ({"steps": [{"sampler": "top_k", "k": nested(19)}]}, "InvalidField", 400),
    ({"steps": [{"sampler": "top_k", "k": nested(900)}]}, "InvalidField", 400),
    ({"steps": ["greedy"]}, "NotAStep", 400),
    ({"steps": [{}]}, "UnknownSampler", 400),
    ({"steps": [{"sampler": ["greedy"]}]}, "UnknownSampler", 400),
    ({"steps": [{"sampler": "x" * 500_000}]}, "UnknownSampler", 400),
    ({"steps": [{"sampler": "top_p"}]}, "MissingKnob", 400),
    ({"steps": [{**STEP, "q": 1}]}, "UnknownKnob", 400),
    ({"steps": [{**STEP, "q" * 500_000: 1}]}, "UnknownKnob", 400),
    ({"steps": [{**STEP, "p": "NaN"}]}, "KnobOutOfRange", 400),
    ({"steps": [{**STEP, "p": None}]}, "KnobOutOfRange", 400),
    ({"steps": [{**STEP, "p": True}]}, "KnobOutOfRange", 400),
    ({"steps": [{**STEP, "p": 10**4000}]}, "KnobOutOfRange", 400),
    ({"steps": [{**STEP, "p": [0.9] * 100_000}]}, "KnobOutOfRange", 400),
    ({"steps": [{"sampler": "temperature", "temperature": 0}]}, "ZeroTemperature", 400),
    ({"steps": [{"sampler": "logit_bias", "bias": {"99": 10**400}}]}, "InvalidKnob", 400),
    ({"steps": [{"sampler": "logit_bias", "bias": {"260": 1}}]}, "InvalidTokenId", 400),
    ({"steps": [{"sampler": "bad_words", "sequences": [[99], [99, 2**70]]}]}, "InvalidTokenId", 400),
    ({"steps": [{"sampler": "bad_words", "sequences": [[99]], "eos": [260]}]}, "InvalidTokenId", 400),
    ({"steps": [{"sampler": "dry", "multiplier": 1, "breakers": ["\n", 260]}]}, "InvalidTokenId", 400),
    ({"steps": [{"sampler": "cfg", "scale": 2}]}, "NeedsOtherLogits", 400),
    ({"steps": [{"sampler": "cfg", "scale": 2, "unconditional_logits": [10**400]}]}, "InvalidKnob", 400),
    ({"steps": [{"sampler": "cfg", "scale": 2, "unconditional_logits": [1]}]}, "OtherLogitsDoNotFit", 400),
    (
        {"steps": [{"sampler": "cfg", "scale": 2, "unconditional_logits": ["-inf"] * 260}]},
        "LogitsAllImpossible",
        400,
    ),
    ({"compare": "greedy"}, "InvalidField", 400),
    ({"compare": [STEP] * 41}, "InvalidField", 400),
    ({"follow": [260]}, "InvalidTokenId", 400),
    ({"follow": [-1]}, "InvalidTokenId", 400),
    ({"follow": [2**60]}, "InvalidField", 400),
    ({"follow": list(range(51))}, "InvalidField", 400),
    ({"follow": None}, "InvalidField", 400),
    ({"others": {"third": "x"}}, "InvalidField", 400),
    ({"others": {"amateur": 5}}, "InvalidField", 400),
    ({"others": []}, "InvalidField", 400),
    ({"others": {"amateur": "x" * 100_000}}, "StepNotFound", 404),
    ({"n_top": 0}, "OutOfRange", 400),
    ({"n_top": 10**9}, "OutOfRange", 400),
    ({"prompt_len": 3}, "OutOfRange", 400),
    ({"prompt_len": -1}, "OutOfRange", 400),
    ({"seed": None}, "OutOfRange", 400),
    ({"attempt": 2**70}, "OutOfRange", 400),
    ({"step_id": None}, "InvalidField", 400),
    ({"model": "other"}, "UnknownModel", 404),
    ({"token_ids": [97] * 513}, "ContextFull", 400),
    ({"token_ids": []}, "StepNotFound", 404),
]


@pytest.mark.parametrize(("n_steps", "n"), [(0, 50), (8, 50), (9, 44), (40, 10)])
def test_at_most_four_hundred_formulas_are_worked_out_at_once(client, n_steps, n):
    steps = [STEP] * n_steps
    assert len(chain(client, steps=steps, follow=list(range(n)))["paths"]) == n
    status, error = refused(client, body_of(steps=steps, follow=list(range(n + 1))))
    assert (status, error["code"], error["data"]["field"]) == (400, "InvalidField", "follow")
    assert f"at most {n} token ids" in error["message"]


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(("changes", "code", "status"), BAD)
def test_bad_input_gets_one_sentence_that_names_it(client, changes, code, status, lang):
    answered, error = refused(client, body_of(**changes), lang=lang)
    assert (error["code"], answered) == (code, status)
    assert error["message"].endswith(".") and len(json.dumps(error)) < 3000
    field = next(iter(changes))
    assert code != "InvalidField" or error["data"]["field"] in (field, "step_id")


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    "states",
    [
        {"mu": 1},
        [],
        [{"mu": 1}],
        [None, {"mu": 1}, None],
        [{}, {"mu": 1}],
        [None, None],
        [None, 1],
        [None, {}],
        [None, {"mu": 1, "nu": 1}],
        [None, {"mu": None}],
        [None, {"mu": "1"}],
        [None, {"mu": True}],
        [None, {"mu": [1]}],
        [None, {"mu": 10**400}],
    ],
)
def test_states_that_this_chain_never_gave_are_refused(client, states, lang):
    body = body_of(steps=[{"sampler": "greedy"}, MIROSTAT], states=states)
    status, error = refused(client, body, lang=lang)
    assert (status, error["code"], error["data"]["field"]) == (400, "InvalidField", "states")
    assert "tirage" in error["message"] if lang == "fr" else "draw" in error["message"]


@pytest.mark.parametrize("number", [0, -1, 1e300, -1e300, 1.7e308, 5e-324])
@pytest.mark.parametrize("name", [name for name, kind in SAMPLERS.items() if hasattr(kind, "next_state")])
def test_an_extreme_memory_is_answered_or_refused_at_its_card(client, name, number):
    steps = [example(name)]
    states = [dict.fromkeys(chain(client, steps=steps)["states"][0], number)]
    answer = client.post(
        "/api/v1/chain", content=json.dumps(body_of(steps=steps, states=states, follow=[99, 5]))
    )
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or strictly(answer.text)["error"]["data"]["step"] == 0


def test_a_row_that_left_the_store_is_asked_for_by_name():
    client = client_of(RowEngine(), rows=RowStore(limit_bytes=1))
    first = step(client)
    step(client, [97])
    status, error = refused(client, body_of())
    assert (status, error["code"], error["data"]) == (404, "StepNotFound", {"step_id": first})
    status, error = refused(client, body_of([97], others={"amateur": first}))
    assert (status, error["code"], error["data"]["step_id"]) == (404, "StepNotFound", first)


def test_a_row_and_a_text_that_do_not_belong_together_are_refused(client):
    other = step(client, [97])
    for body in (body_of(step_id=other), body_of([97, 97], step_id=other), body_of(step_id="x" * 100_000)):
        status, error = refused(client, body)
        assert (status, error["code"], error["data"]["field"]) == (400, "InvalidField", "step_id")


def test_a_knob_that_utf8_cannot_carry_is_answered(client):
    steps = [{"sampler": "dry", "multiplier": 0, "breakers": ["\ud800"]}]
    answer = client.post("/api/v1/chain", content=json.dumps(body_of(steps=steps)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidText")
    assert answer.json()["error"]["data"]["step"] == 0


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [10**400, -(10**400), 1e308, 5e-324, 2**53, 2**63, 2**64, "-inf", "nan", "7", "", "\ud800"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
extreme = st.sampled_from([0, -0.0, 5e-324, 1e-300, 1, 2, 1e6, 1e300, 1.7e308, -1e300, -1.7e308, 2**53])
knobs = [(name, knob) for name, kind in SAMPLERS.items() for knob in kind.knobs]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(body_of(states=0, others=0, follow=0, compare=0, n_top=0, n=0))), anything)
def test_whatever_a_field_holds_the_answer_is_never_our_own_failure(client, field, value):
    for route in ("chain", "draws"):
        answer = client.post(f"/api/v1/{route}", content=json.dumps(body_of(n=5) | {field: value}))
        assert answer.status_code in (200, 400, 404), (field, value, answer.text)
        strictly(answer.text)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(knobs), anything | extreme)
def test_whatever_a_knob_holds_the_answer_is_never_our_own_failure(client, knob, value):
    name, knob_name = knob
    body = body_of(steps=[{**example(name), knob_name: value}], prompt_len=1, follow=[99, 5])
    answer = client.post("/api/v1/chain", content=json.dumps(body))
    assert answer.status_code in (200, 400), (knob, value, answer.text)
    assert answer.status_code == 200 or strictly(answer.text)["error"]["data"]["step"] == 0
    strictly(answer.text)
