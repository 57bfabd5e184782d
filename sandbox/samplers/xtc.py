"""XTC: now and then, exclude the top choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sandbox.distribution import Distribution, Ids
from sandbox.draw import uniform
from sandbox.knob import MIN_KEEP, AnyKnob, Knob
from sandbox.sampler import Context, Family, Worked, check_knobs


class Coin(NamedTuple):
    u: float
    fired: bool


@dataclass(frozen=True)
class Xtc:
    """With the given probability, remove every token of at least the threshold except the least likely of them.

    The coin: it fires when u < probability. u None: the number in [0, 1) that seed, position and attempt give; it
    is shown with the stage. With fewer than two tokens at the threshold nothing happens, so a threshold above 0.5
    is off; nor when fewer than min_keep would stay. Among equally unlikely ones the last in rank stays, exactly one.
    probability = 0 is off. Typical: threshold 0.1, probability 0.5.

    Libraries differ here: llama.cpp fires when u <= probability, with a float32 u of its own generator; mlx-lm asks
    for more than the threshold and keeps all that tie; text-generation-webui skips the stage where a line break or
    the end would go. Raises KnobOutOfRange: probability, threshold outside [0, 1], u outside [0, 1).

    Source: p-e-w 2024, text-generation-webui pull request 6335.

    >>> import numpy as np
    >>> dist = Distribution.from_logits(np.log([0.5, 0.3, 0.15, 0.05]))
    >>> [Xtc(probability=0.5, threshold=0.1, u=u).apply(dist, Context()).token_ids.tolist() for u in (0.49, 0.5)]
    [[2, 3], [0, 1, 2, 3]]
    """

    probability: float
    threshold: float
    min_keep: int = 1
    u: float | None = None

    name: ClassVar[str] = "xtc"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "probability": Knob("[0, 1]", neutral=0.0, slider=(0.0, 1.0), start=0.5),
        "threshold": Knob("[0, 1]", neutral=1.0, slider=(0.0, 0.5), start=0.1),
        "min_keep": MIN_KEEP,
        "u": Knob("[0, 1)", is_optional=True),
    }
    family: ClassVar[Family] = "truncate"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "u < P ⇒ p < t  ∨  p = min pⱼ (pⱼ ≥ t)"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if not self.coin(context).fired:
            return dist
        above = self._above(dist)
        if len(above) < 2 or self._n_left(dist, above) < self.min_keep:
            return dist
        kept = np.ones(len(dist), dtype=np.bool_)
        kept[above] = False
        kept[_least_likely(dist, above)] = True
        return dist.keep(kept)

    def coin(self, context: Context) -> Coin:
        u = uniform(context.seed, context.position, context.attempt, "xtc") if self.u is None else self.u
        return Coin(u, u < self.probability)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        u, fired = self.coin(context)
        return {"u": u, "fired": fired, "n_above": len(self._above(dist))}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        u, fired = self.coin(context)
        text = "u = {u} < {P}" if fired else "u = {u} ≥ {P}"
        numbers: dict[str, float] = {"u": u, "P": self.probability}
        if not fired:
            return Worked(text, numbers)
        above = self._above(dist)
        n_left = self._n_left(dist, above)
        if len(above) < 2:
            return Worked(
                f"{text}; n(p ≥ {{t}}) = {{n}} < 2", {**numbers, "t": self.threshold, "n": len(above)}
            )
        if n_left < self.min_keep:
            numbers |= {"n": n_left, "min_keep": self.min_keep}
            return Worked(f"{text}; n′ = {{n}} < {{min_keep}}", numbers)
        numbers |= {"p": dist.prob_of(token_id), "t": self.threshold}
        if dist.position_of(token_id) not in above:
            return Worked(f"{text}; p = {{p}} < {{t}}", numbers)
        numbers |= {"r": dist.rank_of(token_id) or 0, "n": len(above)}
        sign = "=" if after.position_of(token_id) is not None else "<"
        return Worked(f"{text}; p = {{p}} ≥ {{t}}, r = {{r}} {sign} {{n}}", numbers)

    def _above(self, dist: Distribution) -> Ids:
        return np.flatnonzero(dist.weights >= self.threshold * dist.total)

    def _n_left(self, dist: Distribution, above: Ids) -> int:
        return len(dist) - len(above) + 1


def _least_likely(dist: Distribution, above: Ids) -> int:
    """The last of these positions in rank order: of equals the one that stands last."""
    return int(above[len(above) - 1 - int(dist.logits[above][::-1].argmin())])
