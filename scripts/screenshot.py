"""Make docs/images/next-token.png, the picture that opens the README: the page as it is, on the embedded model.

Starts its own server on a free port and drives an installed Chromium, Chrome or Edge.

    python scripts/screenshot.py [--out docs/images/next-token.png] [--lang fr] [--dark]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, only scripts/ would be found

from scripts.installer.browsers import browser_command, find_browser, launch_flags
from scripts.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
SIZE = {"width": 1280, "height": 920}
READY = "[data-ready='1'][aria-busy='false']:not([data-seq='0'])"
TEXT = "Once upon a time, there was a little"


def browser_program() -> str:
    program = find_browser()
    if program is None:
        raise SystemExit(f"no Chromium, Chrome or Edge on this machine; type: {browser_command()}")
    return program


def pose(page: Page, base: str, lang: str) -> None:
    """One story in one picture: top-p removed some tokens, a temperature bends the rest, ten dice fell."""
    page.goto(f"{base}/?lang={lang}&level=2&seed=3&text={TEXT.replace(' ', '%20')}#/next-token")
    page.wait_for_selector(READY)
    for name, value in (("temperature", "0.7"), ("top_p", "0.7")):
        page.fill(f"[data-testid={name}-number]", value)
        page.press(f"[data-testid={name}-number]", "Enter")
    page.click("[data-testid=drawTen]")
    page.wait_for_selector("[data-testid=tally] [data-count]")
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(500)  # fonts settle and the die lands; there is nothing on the page to wait for


def shoot(out: Path, lang: str, dark: bool) -> None:
    from playwright.sync_api import sync_playwright

    program = browser_program()
    with serving() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=launch_flags())
        page = browser.new_page(
            viewport=SIZE, device_scale_factor=1.5, color_scheme="dark" if dark else "light"
        )
        pose(page, base, lang)
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=out)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "next-token.png")
    parser.add_argument("--lang", choices=("en", "fr"), default="en")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    shoot(options.out, options.lang, options.dark)
    print(options.out)


if __name__ == "__main__":
    main()
