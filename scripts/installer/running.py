"""Run a command: its whole output into the log, one moving line on the screen so that waiting is not doubting."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

REDRAW_S = 0.25
HEARTBEAT_S = 20.0  # where the screen is a file or a pipe, a line may not be redrawn: one every so often


@dataclass(frozen=True)
class Ran:
    """How a command ended; `tail` is its last 200 lines."""

    returncode: int
    tail: str


class MovingLine:
    """`1:07  Compile llama.cpp · 37/193 llama-chat.cpp`, redrawn in place on a terminal."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title, self._stream = title, stream or sys.stderr
        self._started = self._spoken = time.monotonic()
        self._is_terminal = self._stream.isatty()
        if not self._is_terminal:
            self._print(f"{title} ...")

    def show(self, doing: str) -> None:
        now = time.monotonic()
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._print(f"\r{self._line(doing)[:width]:<{width}}", end="")
        elif now - self._spoken >= HEARTBEAT_S:
            self._spoken = now
            self._print(f"    {clock(now - self._started)}  {doing[:120]}")

    def end(self, mark: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        line = f"{clock(time.monotonic() - self._started)}  {mark} {self._title}"
        self._print(f"\r{line[:width]:<{width}}" if self._is_terminal else f"    {line}")

    def _line(self, doing: str) -> str:
        return f"{clock(time.monotonic() - self._started)}  {self._title} · {doing}"

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)


def run_logged(
    command: Sequence[str | Path], *, title: str, log: Path, env: Mapping[str, str] | None = None
) -> Ran:
    """Run to the end, whatever the exit status. The reader never waits for more than a quarter of a second."""
    log.parent.mkdir(parents=True, exist_ok=True)
    line, tail = MovingLine(title), deque[str](maxlen=200)
    with log.open("a", encoding="utf-8") as sink:
        sink.write(f"\n$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=None if env is None else dict(env),
        ) as process:
            _follow(process, sink, tail, line)
    line.end("ok" if process.returncode == 0 else "--")
    return Ran(process.returncode, "".join(tail))


def _follow(process: subprocess.Popen[str], sink: TextIO, tail: deque[str], line: MovingLine) -> None:
    """Read in a thread: a compiler can be silent for a minute, and the clock must move meanwhile."""

    def read() -> None:
        assert process.stdout is not None
        for text in process.stdout:
            sink.write(text)
            tail.append(text)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(REDRAW_S)
        line.show(doing(next(reversed(tail), "")))


def doing(text: str) -> str:
    """What one line of pip, cmake or ninja says, short enough for the end of a line.

    >>> doing("  [37/193] /usr/bin/g++ -DX -o a.o -c /tmp/x/llama-chat.cpp")
    '37/193 llama-chat.cpp'
    >>> doing("Collecting numpy>=2.2")
    'Collecting numpy>=2.2'
    """
    step = re.match(r"\s*\[\s*(\d+/\d+|\d+%)\]\s*(.*)", text)
    if step is None:
        return " ".join(text.split())
    source = re.search(r"([^/\\\s]+\.(?:cpp|cc|c|cu|m|mm))\s*$", step[2])
    return f"{step[1]} {source[1] if source else ''}".strip()


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(67.9)
    '1:07'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
