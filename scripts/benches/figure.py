"""A figure: ours beside a reference, both measured in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`ours` and `reference` in `unit`. `ratio` is the number the goal is about, `goal` says it in words."""

    name: str
    ours: float
    reference: float | None = None
    unit: str = "ms"
    ratio: float | None = None
    goal: str = ""
    is_met: bool | None = None

    def row(self) -> str:
        reference = "" if self.reference is None else f"{self.reference:.3f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        verdict = {None: "", True: "met", False: "NOT MET"}[self.is_met]
        return f"{self.name:<52}{self.ours:>10.3f}{reference:>12} {self.unit:<7}{ratio:>8}  {self.goal:<14}{verdict}"
