"""One application on the embedded model for the whole session, one Chromium per file, one clean context per test.

Needs Playwright from the package index and an installed Chromium, Chrome or Edge (Debian: `apt-get install chromium`).
Where one is missing these tests are skipped with the reason; with CI=true that is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parent.parent.parent
START_S = 90.0  # a cold import of Gradio alone takes 11 s
STEP_MS = 20_000
PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
INSTALLED = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def chromium() -> str:
    found = [shutil.which(name) for name in PROGRAMS] + [path for path in INSTALLED if Path(path).exists()]
    program = next((path for path in found if path), None)
    if program is None:
        missing("no Chromium, Chrome or Edge on this machine (Debian: apt-get install chromium)")
    return program or ""


def launch(*command: str) -> Iterator[str]:
    """Start an application that prints its address; yields the address, then ends the process."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines: Queue[str] = Queue()
    reader = threading.Thread(target=collect, args=(process, lines), daemon=True)
    reader.start()
    try:
        yield address_in(lines, process)
    finally:
        process.terminate()
        process.wait(timeout=20)
        reader.join(timeout=5)
        if process.stdout:
            process.stdout.close()


def collect(process: subprocess.Popen[str], lines: Queue[str]) -> None:
    """Keeps reading for as long as the process lives: a full pipe would stop it."""
    for line in process.stdout or ():
        lines.put(line)


def address_in(lines: Queue[str], process: subprocess.Popen[str]) -> str:
    said: list[str] = []
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            said.append(lines.get(timeout=0.5))
        except Empty:
            if process.poll() is not None:
                break
            continue
        found = re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", said[-1])
        if found:
            return found.group()
    pytest.fail("the application gave no address:\n" + "".join(said))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of `logitbox ui` on the embedded model."""
    yield from launch("-m", "ui.cli", "ui", "--port", "0", "--no-browser")


@pytest.fixture(scope="session")
def hostile_server() -> Iterator[str]:
    """The address of the same application on a toy model whose tokens attack the page."""
    yield from launch(str(Path(__file__).parent / "hostile_app.py"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with each file: Playwright's loop would stand in the way of other asynchronous tests."""
    if importlib.util.find_spec("playwright") is None:
        missing("Playwright is not installed: pip install playwright")
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET + sandbox)
        yield browser
        browser.close()


class Driver:
    """The page as a test handles it: everything waits on data-ready and data-seq, never on time."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(STEP_MS)
        page.on(
            "request", lambda request: self.requests.append(f"{request.method} {urlsplit(request.url).path}")
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, query: str = "") -> Driver:
        self.page.goto(f"{self.base}/?{query}#/next-token")
        self.page.wait_for_selector(f"{ROOT_SELECTOR}[data-ready='1'][aria-busy='false']")
        return self

    @property
    def seq(self) -> int:
        return int(self.page.get_attribute(ROOT_SELECTOR, "data-seq") or 0)

    def after(self, action: Callable[[], Any]) -> None:
        """Do it and wait until the page has drawn what follows."""
        before = self.seq
        action()
        self.page.wait_for_function(
            "([root, before]) => { const node = document.querySelector(root);"
            " return Number(node.dataset.seq) > before && node.getAttribute('aria-busy') !== 'true'; }",
            arg=[ROOT_SELECTOR, before],
        )


ROOT_SELECTOR = "[data-ready]"


@pytest.fixture
def make_page(browser: Browser) -> Iterator[Callable[..., Driver]]:
    """make_page(base, **context options) -> Driver. Afterwards: no request left the machine, no script failed."""
    opened: list[tuple[BrowserContext, Driver]] = []
    foreign: list[str] = []

    def guard(route: Any) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    def make(base: str, **options: Any) -> Driver:
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.route(re.compile("^(?!data:|blob:)"), guard)
        driver = Driver(context.new_page(), base)
        opened.append((context, driver))
        return driver

    yield make
    errors = [error for _, driver in opened for error in driver.errors]
    for context, _ in opened:
        context.close()
    assert foreign == [], "requests beyond loopback"
    assert errors == [], "uncaught errors in the page"


@pytest.fixture
def axe() -> Any:
    """axe-core, run inside the page; needs axe-playwright-python from the package index."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        missing("axe is not installed: pip install axe-playwright-python")
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped,unused-ignore]  # no stubs

    return Axe()


@pytest.fixture
def home(make_page: Callable[..., Driver], server: str) -> Driver:
    """The page as a newcomer meets it, in English."""
    return make_page(server).open("lang=en")
