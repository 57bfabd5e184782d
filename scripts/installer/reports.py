"""pip's dry-run report, read before torch is installed.

On Linux the torch of PyPI brings gigabytes of NVIDIA libraries, useful only with an NVIDIA card. So we look
first (`pip install --dry-run --report`), and without a card take the CPU build from PyTorch's own index.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which
from typing import Any, Literal

from scripts.installer.requirements import name_of

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def names_nvidia(report: Mapping[str, Any]) -> list[str]:
    """The NVIDIA packages that an install would bring, in canonical spelling.

    >>> names_nvidia({"install": [{"metadata": {"name": "torch"}}, {"metadata": {"name": "nvidia_cublas"}}]})
    ['nvidia-cublas']
    """
    names = (name_of(str(item["metadata"]["name"])) for item in report.get("install", ()))
    return [name for name in names if name.startswith("nvidia-")]


def torch_source(report: Mapping[str, Any], *, has_gpu: bool) -> Literal["as_found", "cpu_index"]:
    """Where torch should come from: as pip found it, or PyTorch's CPU index.

    >>> torch_source({"install": []}, has_gpu=False)
    'as_found'
    """
    return "cpu_index" if names_nvidia(report) and not has_gpu else "as_found"


def has_nvidia_gpu(
    platform: str = sys.platform,
    find: Callable[[str], str | None] = which,
    exists: Callable[[Path], bool] = Path.exists,
) -> bool:
    """An NVIDIA card with its driver. A Mac has none and its torch brings no such library.

    >>> has_nvidia_gpu("darwin", lambda name: "/usr/bin/nvidia-smi")
    False
    """
    if platform == "darwin":
        return False
    return find("nvidia-smi") is not None or exists(Path("/proc/driver/nvidia"))
