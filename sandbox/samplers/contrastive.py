"""Contrastive decoding: what an expert says and an amateur would not."""

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
class Contrastive:
    """Keep the tokens plausible to the expert, p >= alpha * max p, and score them (1 + beta) * e - beta * a.

    e, a are the log-probabilities of the expert (the law that comes in) and of the amateur, a weaker model of the same
    vocabulary or the same model with a worse prompt. beta 0 leaves the cut alone, alpha 0 and beta 0 do nothing.
    Two papers, two forms: the plausible set is that of the first; its score, e - a, is the limit of a large beta,
    and this score is that of the second, with log-probabilities for logits, which gives the same law.
    The row comes from `amateur_logits`, or with the context ("amateur"). A token that the amateur rules out is removed
    unless beta is 0: its score would be infinite.
    Raises KnobOutOfRange, NeedsOtherLogits, OtherLogitsDoNotFit, NothingToDraw. Typical: alpha 0.1, beta 0.5.

    Sources: Li et al. 2022, arXiv 2210.15097; O'Brien and Lewis 2023, arXiv 2309.09117.

    >>> dist = Distribution.from_logits(np.log([0.6, 0.36, 0.04]))
    >>> sampler = Contrastive(alpha=0.1, beta=1.0, amateur_logits=np.log([0.6, 0.18, 0.22]))
    >>> sampler.apply(dist, Context()).probs.round(4).tolist()  # 0.04 < 0.06; 0.6^2 / 0.6 = 0.6, 0.36^2 / 0.18 = 0.72
    [0.4545, 0.5455]
    """

    alpha: float
    beta: float
    amateur_logits: tuple[float, ...] | None = None

    name: ClassVar[str] = "contrastive"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "alpha": Knob("[0, 1]", neutral=0.0, slider=(0.0, 1.0), start=0.1),
        "beta": Knob("[0, inf)", neutral=0.0, slider=(0.0, 2.0), start=0.5),
        "amateur_logits": Logits(),
    }
    family: ClassVar[Family] = "two_laws"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "p ≥ α · max p;  ℓ′ = (1 + β) · e − β · a"

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"amateur"} if self.beta > 0 and self.amateur_logits is None else ())

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        kept = dist.weights >= self.alpha  # the most likely token weighs 1
        if self.beta == 0:
            return dist.keep(kept)
        a = logprobs_of_candidates(self._other(dist, context), dist)
        kept &= a > -np.inf
        survivors, e, a = dist.keep(kept), dist.logprobs[kept], a[kept]
        with np.errstate(over="ignore"):
            # e + beta * (e - a): one infinity less to meet than (1 + beta) * e - beta * a
            return survivors.with_logits(bounded(e + self.beta * (e - a)))

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """n_plausible: how many tokens the first rule keeps; bar: the probability it asks for."""
        return {
            "n_plausible": int(np.count_nonzero(dist.weights >= self.alpha)),
            "bar": self.alpha * dist.prob_of(dist.winner),
        }

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        p, best = dist.prob_of(token_id), dist.prob_of(dist.winner)
        numbers = {"p": p, "alpha": self.alpha, "p1": best, "beta": self.beta, "e": dist.logprob_of(token_id)}
        if float(dist.weights_at(dist.position_of(token_id) or 0)) < self.alpha:
            return Worked("{p} < {alpha} · {p1}", numbers)
        if self.beta == 0:
            return Worked("{p} ≥ {alpha} · {p1}", numbers)
        a = once(self, dist, context, compute=lambda: self._other(dist, context)).logprob_of(token_id)
        if a == -np.inf:
            return Worked("e = {e}, a = −∞", numbers)
        numbers |= {"a": a, "out": after.logit_of(token_id)}
        return Worked("{p} ≥ {alpha} · {p1};  (1 + {beta}) · {e} − {beta} · {a} = {out}", numbers)

    def _other(self, dist: Distribution, context: Context) -> Distribution:
        return other_law(dist, context, sampler=self.name, name="amateur", given=self.amateur_logits)
