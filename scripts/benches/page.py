"""What the learner waits for on the page, in a real Chromium: a drag, and a click on a bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scripts.benches.figure import Figure
from scripts.installer.browsers import browser_command, find_browser, launch_flags
from scripts.serving import serving

N_CLICKS, N_DRAG_STEPS = 12, 120

DRAG = """async n => {
  const slider = document.querySelector('[data-testid="temperature"]');
  performance.clearMeasures('logitbox:redraw');
  const before = performance.getEntriesByType('resource').length;
  const frames = [];
  for (let i = 0; i < n; i++) {
    slider.value = String(0.3 + 1.4 * i / n);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    frames.push(await new Promise(requestAnimationFrame));
  }
  return {
    work: performance.getEntriesByName('logitbox:redraw').map(e => e.duration),
    seconds: (frames.at(-1) - frames[0]) / 1000,
    requests: performance.getEntriesByType('resource').length - before,
  };
}"""


def figures() -> list[Figure]:
    with serving() as address, _page(address) as page:
        drag = page.evaluate(DRAG, N_DRAG_STEPS)
        work, fps = float(np.median(drag["work"])), (N_DRAG_STEPS - 1) / drag["seconds"]
        beyond = float(np.median(list(_click_ms(page))))
        is_smooth = (fps >= 55 or work <= 6) and drag["requests"] == 0
        return [
            Figure("drag: main-thread work per redraw", work, None, "ms", None, "<= 6 ms or", is_smooth),
            Figure(
                f"drag: frames per second, {drag['requests']} requests",
                fps,
                None,
                "fps",
                None,
                ">= 55",
                is_smooth,
            ),
            Figure(
                "click on a bar to new bars, beyond the engine",
                beyond,
                None,
                "ms",
                None,
                "<= 50",
                beyond <= 50,
            ),
        ]


CLICK = """async () => {
  const root = document.querySelector('[data-ready="1"]');
  const before = Number(root.dataset.seq);
  const started = performance.now();
  document.querySelector('[data-testid="bar-row"]').click();
  while (Number(root.dataset.seq) <= before) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


def _click_ms(page: Any) -> Iterator[float]:
    """From the click to the painted bars, less the engine's own time."""
    for _ in range(N_CLICKS):
        with page.expect_response("**/api/v1/step") as answer:
            total = page.evaluate(CLICK)
        yield total - answer.value.json()["elapsed_ms"]


@contextmanager
def _page(address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = find_browser()
    if program is None:
        raise SystemExit(f"no Chromium, Chrome or Edge on this machine; type: {browser_command()}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=launch_flags())
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/?level=2&lang=en")
        page.wait_for_selector("[data-ready='1'][data-seq]:not([data-seq='0'])", timeout=60_000)
        yield page
        browser.close()
