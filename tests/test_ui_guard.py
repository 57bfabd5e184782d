"""Only this machine's own page may use the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.requests import Request

from sandbox.workbench import Workbench
from ui.app import build_app
from ui.guard import MAX_BODY_BYTES, Guard

OWN = "http://127.0.0.1:7860"


@pytest.fixture
def client() -> TestClient:
    def never() -> None:
        raise AssertionError("not started")

    return TestClient(build_app(Workbench(never), with_page=False), base_url=OWN)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LocalHost:7860"])
def test_our_own_names_are_answered(client, host):
    assert client.get("/api/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost.evil.example:7860",
        "",
        "0.0.0.0:7860",
    ],
)
def test_any_other_name_is_refused(client, host):
    answer = client.get("/api/v1/models", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ForeignHost")


@pytest.mark.parametrize("origin", [OWN, "HTTP://127.0.0.1:7860"])
def test_our_own_page_may_ask(client, origin):
    assert client.get("/api/v1/models", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "http://127.0.0.1:7861", "http://localhost:7860", "", "file://"],
)
def test_any_other_page_is_refused(client, origin):
    answer = client.get("/api/v1/models", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ForeignOrigin")


def test_a_body_is_refused_by_its_announced_length(client):
    answer = client.post("/api/v1/step", content=b"x" * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BodyTooLarge")


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "99999999999999999999999999", "9" * 5000])
def test_a_length_that_is_none_is_refused(client, length):
    assert client.post("/api/v1/step", headers={"Content-Length": length}).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("islands/next_token.mjs", 200),
        ("islands/desk.css", 200),
        ("core/api.mjs", 200),
        ("islands/island.py", 404),
        ("islands/__init__.py", 404),
        ("islands/", 404),
        ("fonts/OFL.txt", 404),
    ],
)
def test_only_what_the_page_needs_is_served(client, path, status):
    assert client.get(f"/static-ui/{path}").status_code == status


def test_a_body_without_a_length_is_counted(client):
    def pieces() -> Iterator[bytes]:
        for _ in range(3 * MAX_BODY_BYTES // 65536):
            yield b"x" * 65536

    answer = client.post("/api/v1/step", content=pieces())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BodyTooLarge")


@pytest.mark.parametrize("headers", [{}, {"Host": "evil.example"}, {"Origin": "null"}])
def test_every_answer_carries_the_policy(client, headers):
    answer = client.get("/api/v1/models", headers=headers)
    policy = answer.headers["content-security-policy"]
    for rule in (
        "default-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert "http" not in policy and "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_refusal_speaks_the_readers_language(client):
    answer = client.get("/api/v1/models", headers={"Host": "evil.example", "Accept-Language": "fr"})
    assert "Ouvrez l'adresse" in answer.json()["error"]["message"]


def test_a_foreign_name_cannot_write_into_the_answer(client):
    answer = client.get("/api/v1/models", headers={"Host": "<script>alert(1)</script>"})
    assert answer.headers["content-type"] == "application/json"


def guarded(app: FastAPI) -> TestClient:
    app.add_middleware(Guard)
    return TestClient(app, base_url=OWN)


def test_events_pass_the_guard_one_by_one():
    app, sent = FastAPI(), []

    async def events() -> AsyncIterator[bytes]:
        for i in range(3):
            sent.append(i)
            yield f"data: {i}\n\n".encode()

    @app.get("/events")
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    answer = guarded(app).get("/events")
    assert answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n" and sent == [0, 1, 2]
    assert "content-length" not in answer.headers


def test_a_crash_of_the_application_is_one_line_and_one_shape(caplog):
    app = FastAPI()

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError

    answer = guarded(app).get("/crash")
    assert answer.status_code == 500
    assert "GET /crash: ZeroDivisionError" in caplog.text and "Traceback" not in caplog.text
