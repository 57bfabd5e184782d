"""One application on the embedded model for the whole session, one Chromium per file, one clean context per test.

Needs Playwright from the package index and an installed Chromium, Chrome or Edge (Debian: `apt-get install chromium`).
Where one is missing these tests are skipped with the reason; with CI=true that is a failure.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from scripts.installer.browsers import browser_command, find_browser, launch_flags
from scripts.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

STEP_MS = 20_000
LAB_TEXT = "Once upon a time, there was a little"
# Chromium itself refuses every other machine: asking this process about each of the 68 requests of a page (a route)
# cost 0.2 s a page and switched its cache off
LOOPBACK_ONLY = [
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def chromium() -> str:
    program = find_browser()
    if program is None:
        missing(f"no Chromium, Chrome or Edge on this machine; type: {browser_command()}")
    return program or ""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of `logitbox ui` on the embedded model."""
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def hostile_server() -> Iterator[str]:
    """The address of the same application on a toy model whose tokens attack the page."""
    with serving(str(Path(__file__).parent / "hostile_app.py")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with each file: Playwright's loop would stand in the way of other asynchronous tests."""
    if importlib.util.find_spec("playwright") is None:
        missing("Playwright is not installed: pip install playwright")
    from playwright.sync_api import sync_playwright

    flags = [*launch_flags(), *LOOPBACK_ONLY]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
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

    def open(self, query: str = "", view: str = "next-token") -> Driver:
        self.page.goto(f"{self.base}/?{query}#/{view}")
        self.shown()
        return self

    def shown(self) -> None:
        """Wait until the page in view has drawn something and is at rest."""
        self.page.wait_for_selector(f"{ROOT_SELECTOR}[data-ready='1'][aria-busy='false']:not([data-seq='0'])")

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

    def watch(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "localhost"):
            foreign.append(url)

    def make(base: str, **options: Any) -> Driver:
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.on("request", lambda request: watch(request.url))
        driver = Driver(context.new_page(), base)
        driver.page.on("websocket", lambda socket: watch(socket.url))
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
def lab(make_page: Callable[..., Driver], server: str) -> Driver:
    """The Sampler lab on a text whose law is spread out, in English, with every tool and recorded dice."""
    return make_page(server).open(f"lang=en&level=3&seed=7&text={LAB_TEXT}", "sampler-lab")


@pytest.fixture
def home(make_page: Callable[..., Driver], server: str) -> Driver:
    """The page as a newcomer meets it, in English."""
    return make_page(server).open("lang=en")
