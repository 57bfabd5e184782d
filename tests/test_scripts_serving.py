"""A served application writes nowhere near the developer's own data, and one that dies is noticed."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts import serving as module
from scripts.serving import NoAddress, serving

ROOT = Path(__file__).parent.parent
# answers with the value of LOGITBOX_HOME that it was given
SERVER = """
import http.server, os
class Told(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["LOGITBOX_HOME"].encode())
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Told)
print(f"listening on http://127.0.0.1:{server.server_address[1]}/")
server.serve_forever()
"""


def test_what_is_served_has_a_home_of_its_own_that_goes_with_it(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "the developer's"))
    with serving("-c", SERVER) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.request("GET", "/")
        home = Path(connection.getresponse().read().decode())
        connection.close()
        assert home.is_dir() and home != tmp_path / "the developer's"
    assert not home.exists()


def test_an_application_that_dies_is_told_by_its_own_words():
    with pytest.raises(NoAddress, match="no model fits"), serving("-c", "print('no model fits')"):
        pass


def test_one_that_stays_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "START_S", 0.3)
    with pytest.raises(NoAddress), serving("-c", "import threading; threading.Event().wait(60)"):
        pass


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("scripts/screenshot.py", "google-chrome"),
        ("scripts/benches/page.py", "google-chrome"),
        ("tests/browser/conftest.py", "google-chrome"),
        ("scripts/screenshot.py", "Popen"),
        ("scripts/benches/page.py", "Popen"),
        ("tests/browser/conftest.py", "Popen"),
    ],
)
def test_browsers_are_found_and_servers_started_in_one_place(file, what):
    assert what not in (ROOT / file).read_text(encoding="utf-8")
