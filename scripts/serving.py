"""Run the application beside a test, a picture or a measurement: on a free port, in a home of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
UI = ("-m", "ui.cli", "ui", "--port", "0", "--no-browser")
START_S = 90.0  # a cold import of Gradio alone takes 11 s
ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+")


class NoAddress(RuntimeError):
    """The application ended, or stayed silent, before it printed its address; carries what it said instead."""

    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(f"the application gave no address:\n{said}")


@contextmanager
def serving(*command: str) -> Iterator[str]:
    """The address that `python *command` prints (`logitbox ui` without one), for as long as the block lasts.

    What it writes goes to a temporary LOGITBOX_HOME, never to the data of whoever runs this. Raises NoAddress.
    """
    with TemporaryDirectory(prefix="logitbox-", ignore_cleanup_errors=True) as home:
        ours = {"LOGITBOX_HOME": home, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, *(command or UI)], cwd=ROOT, env={**os.environ, **ours},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        lines: Queue[str] = Queue()
        reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
        reader.start()
        try:
            yield _address(process, lines)
        finally:
            process.terminate()
            process.wait(timeout=20)
            reader.join(timeout=5)
            if process.stdout:
                process.stdout.close()


def _collect(process: subprocess.Popen[str], lines: Queue[str]) -> None:
    """Keeps reading for as long as the process lives: a full pipe would stop it."""
    for line in process.stdout or ():
        lines.put(line)


def _address(process: subprocess.Popen[str], lines: Queue[str]) -> str:
    said: list[str] = []
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            said.append(lines.get(timeout=0.1))
        except Empty:
            if process.poll() is not None:
                break
            continue
        found = ADDRESS.search(said[-1])
        if found:
            return found.group()
    raise NoAddress("".join(said))
