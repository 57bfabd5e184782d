"""Asking /chain and /draws of a toy whose rows are known: 99, 100, 101 follow "ab" with the logits 3, 2, 1."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from models import LoadedModel, ModelSpec
from models.engine import Logits, Request
from models.engines.toy import ToyEngine, ToyTokenizer
from sandbox.samplers import SAMPLERS
from sandbox.workbench import RowStore, Workbench, step_id_of
from ui.app import build_app

Json = dict[str, Any]

TEXT = [97, 98]  # in the toy's vocabulary: "ab"; then 99, 100, 101 have the logits 3, 2, 1 and 257 others 0
TOTAL = math.e**3 + math.e**2 + math.e + 257
TWO_STEPS = [{"sampler": "top_k", "k": 2}, {"sampler": "temperature", "temperature": 0.5}]
MIROSTAT = {"sampler": "mirostat_v2", "tau": 3.0, "eta": 0.5}


class RowEngine(ToyEngine):
    """Answers with the rows it was given, by the last token id, else with the toy's; counts how often."""

    def __init__(self, rows: Mapping[int, Sequence[float]] | None = None, *, vocab_size: int = 260) -> None:
        super().__init__(vocab_size=vocab_size)
        self.rows, self.n_calls = dict(rows or {}), 0

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        self.n_calls += 1
        row = super().next_logits(token_ids, request=request)
        return np.array(self.rows[token_ids[-1]], dtype=np.float32) if token_ids[-1] in self.rows else row


def client_of(engine: RowEngine, *, rows: RowStore | None = None) -> TestClient:
    tokenizer = ToyTokenizer([b"<%d>" % i for i in range(260, engine.vocab_size)])
    workbench = Workbench(lambda: LoadedModel(ModelSpec(id="toy", title="Toy"), engine, tokenizer), rows=rows)
    workbench.start()
    assert workbench.wait(10) == "ready"
    return TestClient(build_app(workbench, with_page=False), base_url="http://127.0.0.1:7860")


def step(client: TestClient, token_ids: Sequence[int] = TEXT) -> str:
    body = {"model": "toy", "token_ids": list(token_ids), "seed": 7}
    answer = client.post("/api/v1/step", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["step_id"]


def ready() -> TestClient:
    """A client whose store holds the rows after "ab", "abab" and "a"."""
    client = client_of(RowEngine())
    for token_ids in (TEXT, [97, 98, 97, 98], [97]):
        step(client, token_ids)
    return client


def body_of(token_ids: Sequence[int] = TEXT, **changes: object) -> Json:
    ids = list(token_ids)
    return {
        "model": "toy",
        "step_id": step_id_of("toy", ids),
        "token_ids": ids,
        "steps": [],
        "seed": 7,
        **changes,
    }


def strictly(text: str) -> Json:
    """JSON as a browser reads it: NaN and Infinity are no part of it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in an answer")

    return json.loads(text, parse_constant=refuse)


def chain(client: TestClient, token_ids: Sequence[int] = TEXT, **changes: object) -> Json:
    answer = client.post("/api/v1/chain", json=body_of(token_ids, **changes))
    assert answer.status_code == 200, answer.text
    return strictly(answer.text)


def draws(client: TestClient, token_ids: Sequence[int] = TEXT, **changes: object) -> Json:
    answer = client.post("/api/v1/draws", json=body_of(token_ids, **changes))
    assert answer.status_code == 200, answer.text
    return strictly(answer.text)


def refused(client: TestClient, body: object, *, route: str = "chain", lang: str = "en") -> tuple[int, Json]:
    headers = {"X-Logitbox-Lang": lang}
    answer = client.post(f"/api/v1/{route}", content=json.dumps(body), headers=headers)
    return answer.status_code, strictly(answer.text)["error"]


def example(name: str) -> Json:
    """A step of this sampler with a value for each knob that must have one."""
    values = {
        "kind": "choice",
        "grammar": "z",
        "bias": {"99": 1},
        "tokens": [99],
        "sequences": [[99]],
        "eos": [5],
    }
    fields = {field.name: field for field in dataclasses.fields(SAMPLERS[name])}
    required = [knob for knob in SAMPLERS[name].knobs if fields[knob].default is dataclasses.MISSING]
    described = {knob: SAMPLERS[name].knobs[knob].described() for knob in required}
    starts = {
        knob: each.get("start") or each.get("neutral") or values.get(knob, 1)
        for knob, each in described.items()
    }
    return {"sampler": name, **starts}
