"""LOGITBOX_DEBUG=1: show what went wrong in full, for whoever repairs it."""

from __future__ import annotations

import os


def is_debugging() -> bool:
    return os.environ.get("LOGITBOX_DEBUG", "") not in ("", "0")
