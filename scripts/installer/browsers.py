"""The Chromium and the Node that the tests use. tests/ asks here, so that both agree on what is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
MAC = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def find_browser(
    platform: str = sys.platform,
    environ: Mapping[str, str] = os.environ,
    find: Callable[[str], str | None] = which,
    exists: Callable[[Path], bool] = Path.exists,
) -> str | None:
    """The path of an installed Chromium, Chrome or Edge; the variable LOGITBOX_BROWSER names another.

    >>> find_browser("linux", {}, {"chromium": "/usr/bin/chromium"}.get)
    '/usr/bin/chromium'
    >>> find_browser("linux", {}, lambda name: None)
    """
    if environ.get("LOGITBOX_BROWSER"):
        return environ["LOGITBOX_BROWSER"]
    on_path = next((path for path in map(find, NAMES) if path), None)
    return on_path or next((str(p) for p in _places(platform, environ) if exists(p)), None)


def launch_flags() -> list[str]:
    """How every Chromium of ours starts: nothing of its own over the network; its sandbox refuses root."""
    is_root = sys.platform != "win32" and os.geteuid() == 0
    return [*QUIET, *(["--no-sandbox"] if is_root else [])]


def find_node() -> str | None:
    return which("node")


def _places(platform: str, environ: Mapping[str, str]) -> list[Path]:
    if platform == "darwin":
        return [Path(place) for place in MAC]
    if platform != "win32":
        return []
    roots = (environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
    return [Path(root) / place for root in roots if root for place in WINDOWS]


def browser_command(platform: str = sys.platform) -> str:
    """What to type to get a browser for the tests."""
    return _command(platform, "chromium", "brew install --cask chromium", "winget install Google.Chrome")


def node_command(platform: str = sys.platform) -> str:
    """What to type to get Node."""
    return _command(platform, "nodejs", "brew install node", "winget install OpenJS.NodeJS.LTS")


def _command(platform: str, package: str, mac: str, windows: str) -> str:
    return {"darwin": mac, "win32": windows}.get(platform, f"sudo apt-get install {package}")


def apt_packages(*, has_browser: bool, has_node: bool, is_debian_root: bool) -> list[str]:
    """What test.py may install by itself: only on Debian, only as root, only what is missing.

    >>> apt_packages(has_browser=False, has_node=True, is_debian_root=True)
    ['chromium']
    >>> apt_packages(has_browser=False, has_node=False, is_debian_root=False)
    []
    """
    wanted = (("chromium", has_browser), ("nodejs", has_node))
    return [package for package, is_there in wanted if not is_there and is_debian_root]


def is_debian_root() -> bool:
    if sys.platform == "win32":
        return False
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and which("apt-get") is not None
