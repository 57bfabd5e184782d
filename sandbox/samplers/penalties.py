"""Penalties: make tokens that were said less likely. Repetition, frequency and presence in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Knob
from sandbox.once import once
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import bounded, positions_of, with_logits_at


@dataclass(frozen=True)
class Penalties:
    """Lower the logits of the tokens in a window of the text so far.

    repeat r: a positive logit is divided by it, a negative one multiplied; 1 is neutral, below 1 rewards. Then
    frequency f is subtracted once per time the token stands in the window, and presence s once; 0 is neutral.
    last_n: the window, the last n tokens of the whole text. 0 is an empty window, so nothing happens (llama.cpp; for
    text-generation-webui and koboldcpp 0 is everything); None is the whole text. prompt_len: the first so many tokens
    are prompt and do not count; 0, the default: the prompt counts too; None: what the context says.
    A token that is absent stays absent, and an id in the text that the law does not hold is passed over.
    The repetition penalty depends on where the logits have their zero, which means nothing to softmax.
    Raises KnobOutOfRange.

    Sources: Keskar et al. 2019, arXiv 1909.05858 (repetition; it only divides); OpenAI's API reference (frequency,
    presence). The order, repetition first, is llama.cpp's.

    >>> dist = Distribution.from_logits([2.0, -2.0, 1.0])
    >>> said = Context(history=(0, 1, 1))
    >>> Penalties(repeat=2.0, frequency=0.5).apply(dist, said).logits.tolist()  # 2 / 2 - 0.5, -2 * 2 - 2 * 0.5, 1
    [0.5, -5.0, 1.0]
    """

    repeat: float = 1.0
    frequency: float = 0.0
    presence: float = 0.0
    last_n: int | None = 64
    prompt_len: int | None = 0

    name: ClassVar[str] = "penalties"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "repeat": Knob("(0, inf)", neutral=1.0, slider=(0.5, 2.0), start=1.1),
        "frequency": Knob("(-inf, inf)", neutral=0.0, slider=(-2.0, 2.0)),
        "presence": Knob("(-inf, inf)", neutral=0.0, slider=(-2.0, 2.0)),
        "last_n": Knob("[0, inf)", is_whole=True, is_optional=True, slider=(0, 512), start=64),
        "prompt_len": Knob("[0, inf)", is_whole=True, is_optional=True),
    }
    family: ClassVar[Family] = "history"
    in_browser: ClassVar[bool] = True
    formula: ClassVar[str] = "ℓ′ = (ℓ > 0 ? ℓ / r : ℓ · r) − c · f − [c > 0] · s"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if (self.repeat, self.frequency, self.presence) == (1, 0, 0):
            return dist
        counts = self._counts(context)
        at, is_there = positions_of(dist, list(counts))
        times = np.array(list(counts.values()), dtype=np.float64)[is_there]
        logits = dist.logits[at].astype(np.float64)
        with np.errstate(over="ignore"):  # 3e38 / 1e-300; `with_logits_at` brings it back
            logits = np.where(logits > 0, logits / self.repeat, logits * self.repeat)
            logits -= bounded(times * self.frequency + self.presence)
        return with_logits_at(dist, at, logits)

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """n_window: how many tokens were looked at; n_distinct: how many different ones."""
        counts = self._counts(context)
        return {"n_window": counts.total(), "n_distinct": len(counts)}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        counts = once(self, dist, context, compute=lambda: self._counts(context))
        logit, count = dist.logit_of(token_id), counts[token_id]
        if not count:
            return Worked("c = 0 ⇒ ℓ′ = ℓ = {l}", {"l": logit})
        numbers = {"l": logit, "r": self.repeat, "c": count, "f": self.frequency, "s": self.presence}
        numbers["out"] = after.logit_of(token_id)
        return Worked(f"{{l}} {'/' if logit > 0 else '·'} {{r}} − {{c}} · {{f}} − {{s}} = {{out}}", numbers)

    def _counts(self, context: Context) -> Counter[int]:
        """How often each token stands in the window."""
        prompt_len = context.prompt_len if self.prompt_len is None else self.prompt_len
        oldest = 0 if self.last_n is None else len(context.history) - self.last_n
        return Counter(map(int, context.history[max(prompt_len, oldest, 0) :]))
