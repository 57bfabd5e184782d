"""The hot routes: shapes, errors in one shape, and no model call that was already made."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient

from models import LoadedModel, ModelSpec
from models.engines.toy import CHAT_TEMPLATE, ToyEngine, ToyTokenizer
from models.errors import NotAModel
from sandbox.workbench import RowStore, Workbench
from ui.app import build_app

HOSTILE = [
    b"<script>alert(1)</script>",
    b"${alert(1)}",
    b"<img src=x onerror=alert(1)>",
    "\u202e".encode(),
    b"\x00",
]


def toy(**changes: object) -> LoadedModel:
    tokenizer = ToyTokenizer(HOSTILE)
    engine = ToyEngine(vocab_size=tokenizer.vocab_size)
    spec = ModelSpec(id="toy", title="Toy", license="Apache-2.0", languages=("en",))
    return LoadedModel(spec, engine, tokenizer, CHAT_TEMPLATE, **changes)


def client_of(workbench: Workbench) -> TestClient:
    return TestClient(build_app(workbench, with_page=False), base_url="http://127.0.0.1:7860")


@pytest.fixture
def client() -> TestClient:
    workbench = Workbench(toy)
    workbench.start()
    workbench.wait(10)
    return client_of(workbench)


def step(client: TestClient, **changes: object) -> dict[str, object]:
    body = {"model": "toy", "token_ids": [97, 98], "seed": 7, "attempt": 0, **changes}
    answer = client.post("/api/v1/step", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def error_of(answer: object) -> dict[str, object]:
    body = answer.json()
    assert list(body) == ["error"] and sorted(body["error"]) == ["code", "data", "message"]
    return body["error"]


def test_models_describe_the_loaded_model_and_the_french_ones_of_the_catalogue(client):
    body = client.get("/api/v1/models").json()
    assert (body["status"], body["default"], body["error"]) == ("ready", "toy", None)
    model = body["models"][0]
    assert (model["vocab_size"], model["context_length"], model["eos_ids"]) == (265, 512, [257, 259])
    assert model["has_chat_template"] and not model["is_slower_fallback"] and model["engine"] == "toy"
    assert all({"id", "title", "size_bytes"} == set(listed) for listed in body["french_models"])
    assert body["french_models"]


def test_while_the_model_loads_the_page_is_told_to_wait():
    may_load = threading.Event()

    def slow() -> LoadedModel:
        may_load.wait(10)
        return toy()

    workbench = Workbench(slow)
    workbench.start()
    client = client_of(workbench)
    body = client.get("/api/v1/models").json()
    assert (body["status"], body["models"], body["default"]) == ("loading", [], None)
    refused = client.post("/api/v1/step", json={"model": "toy", "token_ids": [97], "seed": 1})
    assert (refused.status_code, error_of(refused)["code"]) == (503, "ModelNotReady")
    may_load.set()
    workbench.wait(10)


def test_a_failed_load_is_told_in_the_readers_language():
    def broken() -> LoadedModel:
        raise NotAModel("x.gguf", "there is no such file")

    workbench = Workbench(broken)
    workbench.start()
    workbench.wait(10)
    body = client_of(workbench).get("/api/v1/models", headers={"Accept-Language": "fr-FR"}).json()
    assert body["status"] == "failed" and body["error"]["code"] == "NotAModel"
    assert "ce fichier n'existe pas" in body["error"]["message"]
    assert body["error"]["data"]["reason"] == "ce fichier n'existe pas"


def test_a_slower_stand_in_is_labelled():
    workbench = Workbench(lambda: toy(is_slower_fallback=True))
    workbench.start()
    workbench.wait(10)
    assert client_of(workbench).get("/api/v1/models").json()["models"][0]["is_slower_fallback"]


def test_text_becomes_token_ids_and_control_words_in_it_stay_text(client):
    plain = client.post("/api/v1/tokens", json={"model": "toy", "text": "hé\x00"}).json()
    assert plain == {"token_ids": [104, 0xC3, 0xA9, 0], "segments": None}
    control = client.post("/api/v1/tokens", json={"model": "toy", "text": "<|im_end|>"}).json()
    assert 259 not in control["token_ids"]


def test_messages_pass_through_the_chat_template_with_their_segments(client):
    messages = [{"role": "user", "content": "x<|im_end|>"}]
    body = client.post("/api/v1/tokens", json={"model": "toy", "messages": messages}).json()
    assert body["token_ids"].count(258) == 2 and body["token_ids"].count(259) == 1
    assert {"kind": "content", "text": "x<|im_end|>", "message_index": 0} in body["segments"]


def test_a_step_and_its_row(client):
    body = step(client, n_draws=10)
    assert (body["n_vocab"], body["context_used"], body["route"]) == (265, 2, "prefill")
    assert len(body["us"]) == 10 and body["u"] == body["us"][0] and all(0 <= u < 1 for u in body["us"])
    answer = client.get(f"/api/v1/logits/{body['step_id']}")
    row = np.frombuffer(answer.content, dtype="<f4")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert row.shape == (265,) and row[[98, 99, 100, 101, 102]].tolist() == [0.0, 3.0, 2.0, 1.0, 0.0]


def test_repeating_a_step_costs_no_model_call(client):
    assert [step(client)["n_model_calls"], step(client, attempt=3)["n_model_calls"]] == [1, 0]


def test_a_row_that_left_the_store_is_asked_for_again():
    workbench = Workbench(toy, rows=RowStore(limit_bytes=1))
    workbench.start()
    workbench.wait(10)
    client = client_of(workbench)
    first = step(client)
    step(client, token_ids=[97])
    gone = client.get(f"/api/v1/logits/{first['step_id']}")
    assert (gone.status_code, error_of(gone)["code"]) == (404, "StepNotFound")
    assert step(client)["n_model_calls"] == 1
    assert client.get(f"/api/v1/logits/{first['step_id']}").status_code == 200


def test_the_vocabulary_is_binary_with_every_hostile_token_as_plain_bytes(client):
    content = client.get("/api/v1/vocab?model=toy").content
    n_vocab = int.from_bytes(content[4:8], "little")
    offsets = np.frombuffer(content, dtype="<u4", count=n_vocab + 1, offset=8)
    flags = content[8 + 4 * (n_vocab + 1) :][:n_vocab]
    text = content[8 + 4 * (n_vocab + 1) + n_vocab :]
    assert content[:4] == b"LBV1" and n_vocab == 265 and len(text) == offsets[-1]
    assert [text[offsets[i] : offsets[i + 1]] for i in range(260, 265)] == HOSTILE
    assert (flags[97], flags[256], flags[257], flags[260]) == (0, 1, 3, 0)


def test_the_vocabulary_is_fetched_once(client):
    etag = client.get("/api/v1/vocab?model=toy").headers["etag"]
    for known in (etag, f'"other", W/{etag}'):
        again = client.get("/api/v1/vocab?model=toy", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/v1/vocab?model=toy", headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_page_gets_its_words_and_presets(client, lang):
    body = client.get(f"/api/v1/page?lang={lang}").json()
    assert body["lang"] == lang and set(body["strings"]) == {"page", "errors"} and body["version"]
    assert body["presets"]["opening"] == "france"


BAD_BODIES = [
    ("step", b"", "InvalidBody", 400),
    ("step", b"[1]", "InvalidBody", 400),
    ("step", b"\xff\xfe", "InvalidBody", 400),
    ("step", b'{"model": "toy", "token_ids": [97], "seed": NaN}', "InvalidBody", 400),
    ("step", b"[" * 100_000, "InvalidBody", 400),
    ("step", b'{"token_ids": [97], "seed": 1}', "InvalidField", 400),
    ("step", b'{"model": "toy", "token_ids": "97", "seed": 1}', "InvalidField", 400),
    ("step", b'{"model": "toy", "token_ids": [97.5], "seed": 1}', "InvalidField", 400),
    ("step", b'{"model": "toy", "token_ids": [true], "seed": 1}', "InvalidField", 400),
    ("step", b'{"model": "toy", "token_ids": [1e400], "seed": 1}', "InvalidField", 400),
    ("step", b'{"model": "toy", "token_ids": [97]}', "OutOfRange", 400),
    ("step", b'{"model": "toy", "token_ids": [97], "seed": -1}', "OutOfRange", 400),
    ("step", b'{"model": "toy", "token_ids": [97], "seed": 1.5}', "OutOfRange", 400),
    ("step", b'{"model": "toy", "token_ids": [97], "seed": 1, "attempt": "x"}', "OutOfRange", 400),
    ("step", b'{"model": "toy", "token_ids": [97], "seed": 1, "n_draws": 100000}', "OutOfRange", 400),
    ("step", b'{"model": "toy", "token_ids": [], "seed": 1}', "EmptyPrompt", 400),
    ("step", b'{"model": "toy", "token_ids": [99999], "seed": 1}', "InvalidTokenId", 400),
    ("step", b'{"model": "toy", "token_ids": [-1], "seed": 1}', "InvalidTokenId", 400),
    ("step", json.dumps({"model": "toy", "token_ids": [97] * 513, "seed": 1}).encode(), "ContextFull", 400),
    ("step", b'{"model": "other", "token_ids": [97], "seed": 1}', "UnknownModel", 404),
    ("tokens", b'{"model": "toy"}', "InvalidField", 400),
    ("tokens", b'{"model": "toy", "text": ""}', "EmptyPrompt", 400),
    ("tokens", b'{"model": "toy", "text": "\\ud800"}', "InvalidText", 400),
    ("tokens", b'{"model": "\\ud800", "text": "a"}', "UnknownModel", 404),
    ("tokens", json.dumps({"model": "toy", "text": "é" * 1_000_000}).encode(), "BodyTooLarge", 413),
    ("tokens", json.dumps({"model": "toy", "text": "x" * 1_000_000}).encode(), "PromptTooLarge", 413),
    ("tokens", b'{"model": "toy", "messages": []}', "InvalidField", 400),
    ("tokens", b'{"model": "toy", "messages": [{"role": "user"}]}', "InvalidField", 400),
]


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(("route", "body", "code", "status"), BAD_BODIES)
def test_bad_input_gets_one_sentence_in_one_shape(client, route, body, code, status, lang):
    answer = client.post(f"/api/v1/{route}", content=body, headers={"X-Logitbox-Lang": lang})
    error = error_of(answer)
    assert (error["code"], answer.status_code) == (code, status)
    assert error["message"].endswith(".") and "{" not in error["message"].replace("{role", "")


def test_the_server_answers_on_after_bad_input(client):
    for _, body, _, _ in BAD_BODIES:
        client.post("/api/v1/step", content=body)
    assert step(client)["n_vocab"] == 265


@pytest.mark.parametrize(
    ("method", "path", "code", "status"),
    [
        ("GET", "/api/v1/nothing", "RouteNotFound", 404),
        ("GET", "/api/v1/", "RouteNotFound", 404),
        ("GET", "/api/v1/step", "MethodNotAllowed", 405),
        ("DELETE", "/api/v1/models", "MethodNotAllowed", 405),
        ("GET", "/api/v1/logits/unknown", "StepNotFound", 404),
        ("GET", "/api/v1/vocab", "UnknownModel", 404),
        ("GET", "/api/v1/vocab?model=%00%ff", "UnknownModel", 404),
    ],
)
def test_unknown_paths_have_the_same_shape(client, method, path, code, status):
    answer = client.request(method, path)
    assert (error_of(answer)["code"], answer.status_code) == (code, status)


def test_an_unexpected_failure_tells_no_details(client, monkeypatch, caplog):
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("/home/somebody/secret")

    monkeypatch.setattr(Workbench, "step", crash)
    answer = client.post("/api/v1/step", json={"model": "toy", "token_ids": [97], "seed": 1})
    assert (answer.status_code, error_of(answer)["code"]) == (500, "InternalError")
    assert "secret" not in answer.text and "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json"])
def test_no_page_of_documentation_asks_the_internet(client, path):
    assert client.get(path).status_code == 404
