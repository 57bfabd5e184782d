"""`logitbox ui` as a process: it starts, answers, refuses, and stops; Gradio stays out of this process."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ui.cli import main
from ui.commands.ui import free_port, listen
from ui.early_head import FOREIGN_META, with_early_head
from ui.errors import InvalidPort, PortInUse

ROOT = Path(__file__).parent.parent


def start(home: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    environ = {**os.environ, "LOGITBOX_HOME": str(home), "LOGITBOX_LANG": "en"}
    command = [sys.executable, "-m", "ui", "ui", "--engine", "toy", "--port", "0", "--no-browser", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    if found is None:
        process.kill()
        raise AssertionError(f"no address: {line!r} {process.communicate()[1]}")
    return process, found.group()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = start(tmp_path_factory.mktemp("home"))
    yield url
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in err, err


def ask(
    address: str, method: str, path: str, body: object = None, **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]  # kept for the tests below
    connection.close()
    return answer


def test_the_page_is_served_in_the_readers_language_with_its_script_first(address):
    answer = ask(address, "GET", "/?lang=fr", Accept_Encoding="gzip, br")
    assert answer.status == 200 and "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    head = answer.text.split("<head>")[1]
    assert head.startswith("<script>") and 'lang="fr"' in answer.text.split("<head>")[0]
    assert int(answer.headers["content-length"]) == len(answer.text.encode())


def test_the_page_names_no_other_machine(address):
    text = ask(address, "GET", "/").text
    foreign = [
        url for url in re.findall(r"https?://[^\"'\s<>)]+", text) if not url.startswith(address.rstrip("/"))
    ]
    assert foreign == []


def test_routes_and_modules_stand_before_the_page(address):
    assert json.loads(ask(address, "GET", "/api/v1/models").text)["status"] in ("loading", "ready")
    module = ask(address, "GET", "/static-ui/core/api.mjs")
    assert module.status == 200 and module.headers["content-type"].startswith("text/javascript")


def test_a_step_through_a_real_socket(address):
    body = {"model": "toy", "token_ids": [97, 98], "seed": 7, "attempt": 0}
    assert json.loads(ask(address, "POST", "/api/v1/step", body).text)["n_vocab"] == 260


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 400), ({"Origin": "null"}, 403), ({"Origin": "https://evil.example"}, 403)],
)
@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/api/v1/models"])
def test_the_guard_stands_before_everything(address, path, headers, status):
    assert ask(address, "GET", path, **headers).status == status


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/gradio_api/docs"])
def test_no_documentation_that_loads_from_elsewhere(address, path):
    assert ask(address, "GET", path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/static-ui/../app.py",
        "/static-ui/%2e%2e/app.py",
        "/static-ui/islands/../cli.py",
    ],
)
def test_no_file_of_the_machine_is_served(address, path):
    answer = ask(address, "GET", path)
    assert answer.status in (400, 403, 404) and "import" not in answer.text


def test_gradio_records_no_history(address):
    config = json.loads(ask(address, "GET", "/config").text)
    assert not config["analytics_enabled"] and not config.get("run_history", False)


def test_only_this_machine_can_connect(address):
    """127.0.0.2 is this machine too, but a server that listens on 127.0.0.1 alone does not answer there."""
    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", urlsplit(address).port), timeout=2):
        pass


def test_a_taken_port_names_a_free_one(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path))
    with listen(0) as taken:
        port = taken.getsockname()[1]
        for lang, word in (("en", "in use"), ("fr", "déjà pris")):
            assert main(["ui", "--port", str(port), "--no-browser", "--lang", lang]) == 1
            err = capsys.readouterr().err
            assert word in err and len(err.splitlines()) == 1
            offered = int(re.findall(r"--port (\d+)", err)[0])
            listen(offered).close()


@pytest.mark.parametrize("port", ["-1", "65536", "99999999999"])
def test_a_port_that_is_none_is_one_sentence(capsys, port):
    assert main(["ui", "--port", port, "--no-browser"]) == 2
    assert "65535" in capsys.readouterr().err


def test_the_socket_itself_refuses_impossible_ports():
    with pytest.raises(InvalidPort):
        listen(70000)
    with listen(free_port(after=20000)) as own, pytest.raises(PortInUse):
        listen(own.getsockname()[1])


def test_a_model_that_cannot_load_ends_the_start_with_one_sentence(tmp_path):
    environ = {**os.environ, "LOGITBOX_HOME": str(tmp_path), "LOGITBOX_LANG": "fr"}
    result = subprocess.run(
        [sys.executable, "-m", "ui", "ui", "--port", "0", "--no-browser", "--model", "/no/such.gguf"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 2 and "/no/such.gguf" in result.stderr and "Traceback" not in result.stderr


def test_importing_the_application_starts_nothing():
    script = "import sys, threading, ui.app; print('gradio' in sys.modules, threading.active_count())"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.split() == ["False", "1"]


def test_foreign_cards_leave_the_head_and_nothing_else_does():
    html = (
        b'<html lang="en"><head><meta name="twitter:image" content="https://x"/><meta charset="utf-8"></head>'
    )
    assert b"twitter" not in with_early_head(html, "en") and b'charset="utf-8"' in with_early_head(html, "en")
    assert FOREIGN_META.findall(b'<meta name="viewport" content="og:">') == []
