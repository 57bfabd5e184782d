"""What is installed already. One small file in the environment decides: no reinstall, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAME = "logitbox-installed.json"


@dataclass(frozen=True)
class Stamp:
    """`installed` are groups; `left_out` maps a group to why it could not be installed."""

    fingerprint: str = ""
    installed: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    def covers(self, groups: Iterable[str], fingerprint: str, *, accept: Iterable[str] = ()) -> bool:
        """True when every group is there, or was left out and is one of those this start can do without.

        >>> stamp = Stamp("abc", ("core",), {"llama": "no_compiler"})
        >>> stamp.covers(["core", "llama"], "abc", accept=["llama"]), stamp.covers(["core", "llama"], "abc")
        (True, False)
        """
        return self.fingerprint == fingerprint and not self.missing(groups, accept=accept)

    def missing(self, groups: Iterable[str], *, accept: Iterable[str] = ()) -> list[str]:
        settled = {*self.installed, *(set(self.left_out) & set(accept))}
        return [group for group in groups if group not in settled]

    def plus(self, group: str, reason: str | None = None) -> Stamp:
        """A new stamp: `group` installed, or left out for a reason."""
        installed = [g for g in self.installed if g != group] + ([] if reason else [group])
        left_out = {g: why for g, why in self.left_out.items() if g != group}
        return Stamp(self.fingerprint, tuple(installed), left_out | ({group: reason} if reason else {}))


def read(venv: Path) -> Stamp:
    """The stamp of this environment; an empty one where there is none or it cannot be read."""
    try:
        facts = json.loads((venv / NAME).read_text(encoding="utf-8"))
        return Stamp(str(facts["fingerprint"]), tuple(facts["installed"]), dict(facts["left_out"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Stamp()


def write(venv: Path, stamp: Stamp) -> None:
    """Written whole or not at all: a power cut leaves the old one."""
    part = venv / (NAME + ".part")
    part.write_text(json.dumps(asdict(stamp), indent=2), encoding="utf-8")
    part.replace(venv / NAME)
