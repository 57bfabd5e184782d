"""Quadratic: bend the logits, so that the top flattens and the tail falls away."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sandbox.distribution import Distribution, Floats
from sandbox.knob import AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class Quadratic:
    """Replace the distance d of each logit from the largest by factor * (-k * d**2 + s * d**3).

    k = (3 - curve) / 2, s = (curve - 1) / 2. curve = 1 is the plain square: distances below 1 / factor shrink, longer
    ones grow. 3 is the plain cube; above 3 tokens just below the best overtake it. factor = 0 is off, and not the
    limit of small factors, which make the law flat. Typical: factor 0.2 to 0.3, curve 1.
    Raises KnobOutOfRange: factor outside [0, inf), curve outside [1, inf).

    Source: kalomaze's smoothing factor; text-generation-webui `smoothing_factor`, `smoothing_curve`.

    >>> dist = Distribution.from_logits([5.0, 4.0, 3.0])
    >>> Quadratic(factor=0.5).apply(dist, Context()).logits.tolist()  # 5 - 0.5 * (0, 1, 4)
    [5.0, 4.5, 3.0]
    >>> Quadratic(factor=0.5, curve=3.0).apply(dist, Context()).logits.tolist()  # 5 - 0.5 * (0, 1, 8)
    [5.0, 4.5, 1.0]
    """

    factor: float
    curve: float = 1.0

    name: ClassVar[str] = "quadratic"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "factor": Knob("[0, inf)", neutral=0.0, slider=(0.0, 2.0), start=0.25),
        "curve": Knob("[1, inf)", slider=(1.0, 5.0), start=1.0),
    }
    family: ClassVar[Family] = "reshape"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = (
        "ℓ′ = max ℓ + f · (s · d³ − k · d²),  d = ℓ − max ℓ,  k = (3 − c) / 2,  s = (c − 1) / 2"
    )

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.factor == 0:
            return dist
        return dist.with_logits(self._bent(dist.logit_of(dist.winner), dist.shifted))

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        if self.factor == 0:
            return Worked("f = {f} ⇒ ℓ′ = ℓ = {l}", {"f": self.factor, "l": dist.logit_of(token_id)})
        best, d = dist.logit_of(dist.winner), float(dist.shifted_at(dist.position_of(token_id) or 0))
        numbers = {"l1": best, "f": self.factor, "s": self._s, "k": self._k, "d": d}
        text = "ℓ′ = {l1} + {f} · ({s} · {d}³ − {k} · {d}²) = {out}"
        return Worked(text, {**numbers, "out": float(self._bent(best, d))})

    @property
    def _k(self) -> float:
        return (3 - self.curve) / 2

    @property
    def _s(self) -> float:
        return (self.curve - 1) / 2

    def _bent(self, best: float, d: ArrayLike) -> Floats:
        """The new logits; what leaves float64 stops at a quarter of its largest, so that differences stay finite."""
        limit = sys.float_info.max / 4
        d = np.asarray(d, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = self.factor * d * d * (self._s * d - self._k)
            bent: Floats = np.clip(np.nan_to_num(best + moved, nan=best), -limit, limit)
        return bent
