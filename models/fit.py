"""Will it fit in this machine's memory?"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from models.errors import NotEnoughMemory
from models.gguf_format import GgufHeader

DEFAULT_CONTEXT = 4096  # enough for a lesson; 90 MiB of cache for the embedded model
KV_BYTES = 2  # float16
COMPUTE_BYTES = 64 << 20  # buffers of one evaluation in slices of 63, and the process around it


def kv_bytes_per_token(header: GgufHeader) -> int:
    """Bytes of key and value cache that one token takes, an upper bound where layers differ.

    layers x (keys + values) x key/value heads x head length x 2 bytes.
    """
    n_heads = header.of_architecture("attention.head_count", 1)
    n_kv_heads = header.of_architecture("attention.head_count_kv", n_heads)
    head_length = header.of_architecture("embedding_length", 0) // max(1, n_heads)
    k_length = header.of_architecture("attention.key_length", head_length)
    v_length = header.of_architecture("attention.value_length", head_length)
    return header.of_architecture("block_count", 0) * n_kv_heads * (k_length + v_length) * KV_BYTES


def choose_context(header: GgufHeader, asked: int | None) -> int:
    """The context to open: what was asked, or a default the model was trained for. Raises NotEnoughMemory.

    Weights are mapped from the file and can be dropped again, so only the cache and buffers are counted.
    """
    context_length = asked or min(DEFAULT_CONTEXT, header.of_architecture("context_length", DEFAULT_CONTEXT))
    needed = context_length * kv_bytes_per_token(header) + COMPUTE_BYTES
    free = free_bytes()
    if free is not None and needed > free:
        raise NotEnoughMemory(needed >> 20, free >> 20, context_length)
    return context_length


def free_bytes() -> int | None:
    """Memory a new process can take without pushing others out; None where the system does not say."""
    if sys.platform == "win32":
        return _free_on_windows()
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # macOS: all there is
    except (OSError, ValueError, AttributeError):
        return None


def _free_on_windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((f"n{i}", ctypes.c_ulonglong) for i in range(7)),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  # exists on Windows alone, and mypy checks for all
    return int(status.n1) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None
