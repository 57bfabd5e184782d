"""Classifier-free guidance: away from what the model says without the prompt, towards what it says with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob, Logits
from sandbox.once import once
from sandbox.other_law import logprobs_of_candidates, other_law
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import bounded


@dataclass(frozen=True)
class Cfg:
    """New logits u + scale * (c - u): c, u are the log-probabilities with the prompt and without it.

    scale 1 is the law itself, 0 the law without the prompt, above 1 goes further than the prompt does. The second row
    comes from `unconditional_logits`, or with the context ("unconditional"): what the model says without the prompt,
    or after another one (a "negative prompt"). A token that either law rules out is removed, except at scale 1: c - u
    is infinite there, and transformers ends in NaN. Raises KnobOutOfRange, NeedsOtherLogits, OtherLogitsDoNotFit,
    NothingToDraw where the two have no token in common. Typical: 1.5.

    Source: Sanchez et al. 2023, arXiv 2306.17806; the form of transformers (Dia and others count scale from 0).

    >>> halves = (0.0, 0.0)  # c = ln 0.8, ln 0.2; u = ln 0.5 twice: at scale 2 the odds 4 : 1 become 16 : 1
    >>> dist = Distribution.from_logits(np.log([0.8, 0.2]))
    >>> Cfg(scale=2.0, unconditional_logits=halves).apply(dist, Context()).probs.round(4).tolist()
    [0.9412, 0.0588]
    """

    scale: float
    unconditional_logits: tuple[float, ...] | None = None

    name: ClassVar[str] = "cfg"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "scale": Knob("[0, inf)", neutral=1.0, slider=(0.0, 5.0), start=1.5),
        "unconditional_logits": Logits(),
    }
    family: ClassVar[Family] = "two_laws"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "ℓ′ = u + s · (c − u)"

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"unconditional"} if self.scale != 1 and self.unconditional_logits is None else ())

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if self.scale == 1:
            return dist
        u = logprobs_of_candidates(self._other(dist, context), dist)
        in_both = u > -np.inf
        kept, c, u = dist.keep(in_both), dist.logprobs[in_both], u[in_both]
        with np.errstate(over="ignore"):
            return kept.with_logits(bounded(u + self.scale * (c - u)))

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """other_winner: the most likely token of the law without the prompt, and its probability there."""
        if self.scale == 1:
            return {}
        other = self._other(dist, context)
        return {"other_winner": other.winner, "other_winner_p": other.prob_of(other.winner)}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        c = dist.logprob_of(token_id)
        if self.scale == 1:
            return Worked("s = 1 ⇒ ℓ′ = c = {c}", {"c": c})
        u = once(self, dist, context, compute=lambda: self._other(dist, context)).logprob_of(token_id)
        if u == -np.inf:
            return Worked("c = {c}, u = −∞", {"c": c})
        numbers = {"u": u, "s": self.scale, "c": c, "out": after.logit_of(token_id)}
        return Worked("{u} + {s} · ({c} − {u}) = {out}", numbers)

    def _other(self, dist: Distribution, context: Context) -> Distribution:
        return other_law(
            dist, context, sampler=self.name, name="unconditional", given=self.unconditional_logits
        )
