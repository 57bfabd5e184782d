"""No repeated n-gram: no n tokens in a row are said twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.distribution import Distribution, Ids
from sandbox.knob import AnyKnob, Knob
from sandbox.once import once
from sandbox.sampler import Context, Family, Worked, check_knobs
from sandbox.some_tokens import without


@dataclass(frozen=True)
class NoRepeatNgram:
    """Remove every token that would complete n tokens in a row which stand in the text already, prompt included.

    n = 0 is off; n = 1 removes every token that was said. A text shorter than n holds no such row, so nothing happens.
    Raises KnobOutOfRange, NothingToDraw when all tokens were said. Typical: 3.

    Source: Paulus et al. 2017, arXiv 1705.04304; transformers, NoRepeatNGramLogitsProcessor.

    >>> dist = Distribution.from_logits([3.0, 2.0, 1.0])
    >>> NoRepeatNgram(n=2).apply(dist, Context(history=(0, 1, 0))).token_ids.tolist()  # 0 1 stands there already
    [0, 2]
    """

    n: int

    name: ClassVar[str] = "no_repeat_ngram"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {
        "n": Knob("[0, inf)", neutral=0, is_whole=True, slider=(0, 10), start=3)
    }
    family: ClassVar[Family] = "history"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "#(h₋ₙ₊₁, …, h₋₁, v) = 0"

    def __post_init__(self) -> None:
        check_knobs(self)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        banned = self._completing(context)
        return without(dist, banned) if len(banned) else dist

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """banned: the tokens that would complete a row, each once."""
        return {"banned": sorted(set(self._completing(context).tolist()))}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        completing = once(self, dist, context, compute=lambda: self._completing(context))
        times = int(np.count_nonzero(completing == token_id))
        numbers = {"n": self.n, "token_id": token_id, "c": times}
        return Worked(f"n = {{n}}: #(…, {{token_id}}) = {{c}}{' > 0' if times else ''}", numbers)

    def _completing(self, context: Context) -> Ids:
        """The token after each earlier place where the last n - 1 tokens stand; twice where it stands so twice."""
        n_rows = len(context.history) - self.n + 1
        if self.n == 0 or n_rows <= 0:
            return np.zeros(0, dtype=np.intp)
        text = np.asarray(context.history, dtype=np.intp)
        is_same = np.ones(n_rows, dtype=np.bool_)
        for i in range(self.n - 1):
            is_same &= text[i : i + n_rows] == text[n_rows + i]
        return text[self.n - 1 :][is_same]
