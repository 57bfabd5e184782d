"""constraints.txt is whole: what pyproject.toml reaches stands there, and THIRD_PARTY.md knows its licence."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from scripts.installer.requirements import locked, name_of, requirements

ROOT = Path(__file__).parent.parent
GROUPS = ("core", "llama", "transformers", "dev")
NOT_OURS = {"pip"}  # every environment has one already
LOCK = locked(ROOT)


def reached(group: str) -> dict[str, str]:
    """Name -> installed version of everything that a group pulls in, read from installed metadata."""
    found: dict[str, str] = {}
    todo = [Requirement(line) for line in requirements(ROOT, group)]
    while todo:
        requirement = todo.pop()
        name = name_of(requirement.name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # a part that this environment leaves out
        if name not in found:
            found[name] = distribution.version
            below = [Requirement(line) for line in distribution.requires or []]
            todo += [needed for needed in below if _applies(needed, requirement.extras)]
    return found


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))


@pytest.mark.parametrize("group", GROUPS)
def test_everything_a_group_reaches_is_locked(group):
    assert set(reached(group)) - set(LOCK) - NOT_OURS == set()


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_installed_is_what_is_locked(group):
    """2.13.0+cpu is the CPU build of 2.13.0."""
    installed = {name: version.partition("+")[0] for name, version in reached(group).items()}
    differing = {name: v for name, v in installed.items() if name in LOCK and LOCK[name] != v}
    assert differing == {}


def test_every_line_is_one_exact_version():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.match(r"^[a-z0-9-]+==\d[\w.]*(; .+)?$", line) for line in lines)
    assert len(lines) == len(LOCK)


def test_torch_is_the_version_that_every_index_has():
    assert LOCK["torch"] == "2.13.0"


def test_every_locked_library_is_in_the_licence_table():
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    listed = {name_of(name) for name in re.findall(r"^\| ([\w.-]+) \|", text, re.MULTILINE)}
    assert set(LOCK) - listed == set()
