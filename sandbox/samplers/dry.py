"""DRY, "don't repeat yourself": the longer a repetition has become, the dearer its next token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sandbox.breakers import DEFAULT_BREAKERS, breaker_tokens
from sandbox.distribution import Distribution
from sandbox.knob import AnyKnob, Breakers, Knob
from sandbox.once import once
from sandbox.repetition import continuations
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import bounded, positions_of, with_logits_at

# ln of the largest float32: llama.cpp's bound on base ^ n, so that both bend at the same length
LOG_OF_LARGEST = np.float32(88.7228391)
N_SHOWN = 10


class Repeats(NamedTuple):
    """lengths: token -> L, the length of the repetition it would continue. limit: tokens since the last breaker."""

    lengths: Mapping[int, int]
    limit: int
    n_window: int


NONE = Repeats({}, 0, 0)


@dataclass(frozen=True)
class Dry:
    """Lower the logit of a token that would continue a repetition of L >= allowed_length tokens.

    The end of the text is compared with every earlier place; L is the longest match that the token followed, the prompt
    included. It pays multiplier * base ^ (L - allowed_length). multiplier 0 is off. The exponent stops where
    base ^ exponent would leave float32 (128 for base 2), so that no token is removed. Raises KnobOutOfRange.
    last_n: only the last n tokens are looked at; 0 is off, None the whole text (elsewhere 0, or -1, is everything).
    breakers: L counts back to the last breaker at most, and a token that holds one never pays. A string is mapped onto
    every token that holds it, or ends with its beginning when the rest follows: that needs a model's vocabulary
    (NeedsVocabulary), and at least one such token (BreakerWithoutTokens). Numbers are token ids. [] for none,
    at most 32, of at most 40 characters (InvalidKnob).

    Source: the algorithm of p-e-w's "DRY" in text-generation-webui (pull request 5677) as llama.cpp carries it out.

    >>> dist, said = Distribution.from_logits([0.0, 0.0, 0.0]), Context(history=(0, 1, 2, 0, 1))
    >>> dry = Dry(multiplier=1.0, base=2.0, allowed_length=1, breakers=())
    >>> dry.apply(dist, said).logits.tolist()  # 2 would continue "0 1": 1 * 2 ** (2 - 1)
    [0.0, 0.0, -2.0]
    """

    multiplier: float
    base: float = 1.75
    allowed_length: int = 2
    last_n: int | None = 64
    breakers: tuple[str | int, ...] = DEFAULT_BREAKERS

    name: ClassVar[str] = "dry"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "multiplier": Knob("[0, inf)", neutral=0.0, slider=(0.0, 5.0), start=0.8),
        "base": Knob("[1, inf)", slider=(1.0, 4.0), start=1.75),
        "allowed_length": Knob("[1, inf)", is_whole=True, slider=(1, 20), start=2),
        "last_n": Knob("[0, inf)", is_whole=True, is_optional=True, slider=(0, 512), start=64),
        "breakers": Breakers(),
    }
    family: ClassVar[Family] = "history"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "L ≥ a ⇒ ℓ′ = ℓ − m · b^(L − a)"

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def needs_vocabulary(self) -> bool:
        return self._is_on and any(isinstance(each, str) for each in self.breakers)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        if not self._is_on:
            return dist
        prices = {
            token_id: self._price(length)
            for token_id, length in self._repeats(context).lengths.items()
            if length >= self.allowed_length
        }
        at, is_there = positions_of(dist, list(prices))
        paid = np.array(list(prices.values()), dtype=np.float64)[is_there]
        return with_logits_at(dist, at, dist.logits[at].astype(np.float64) - bounded(paid))

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """n_window: tokens looked at; limit: tokens since the last breaker; repeats: [token id, L], longest first."""
        if not self._is_on:
            return {"n_window": 0, "limit": 0, "repeats": []}
        lengths, limit, n_window = self._repeats(context)
        longest = sorted(lengths.items(), key=lambda pair: (-pair[1], pair[0]))
        return {"n_window": n_window, "limit": limit, "repeats": [list(pair) for pair in longest[:N_SHOWN]]}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        logit = dist.logit_of(token_id)
        repeats = once(self, dist, context, compute=lambda: self._repeats(context)) if self._is_on else NONE
        length = repeats.lengths.get(token_id, 0)
        numbers = {"l": logit, "L": length, "a": self.allowed_length}
        if length < self.allowed_length or not self._is_on:
            return Worked("L = {L} < a = {a} ⇒ ℓ′ = ℓ = {l}", numbers)
        price = self._price(length)
        numbers |= {"m": self.multiplier, "b": self.base, "price": price, "out": after.logit_of(token_id)}
        return Worked("{l} − {m} · {b}^({L} − {a}) = {l} − {price} = {out}", numbers)

    @property
    def _is_on(self) -> bool:
        return self.multiplier > 0 and self.last_n != 0

    def _repeats(self, context: Context) -> Repeats:
        breakers = breaker_tokens(self.breakers, context.vocabulary)
        start = 0 if self.last_n is None else max(0, len(context.history) - self.last_n)
        window = [int(token_id) for token_id in context.history[start:]]
        limit = breakers.distance(window)
        lengths = continuations(window, limit)
        paying = {t: length for t, length in lengths.items() if length and not breakers.is_breaker(t)}
        return Repeats(paying, limit, len(window))

    def _price(self, length: int) -> float:
        exponent = length - self.allowed_length
        if self.base > 1.000001:  # below, base ^ n stays small for every text; llama.cpp's bound as well
            exponent = min(exponent, int(LOG_OF_LARGEST / np.float32(math.log(self.base))))
        return min(self.multiplier * self.base**exponent, float(np.finfo(np.float64).max))
