"""Laws one can work out by hand, and what a sampler makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.distribution import Distribution
from sandbox.sampler import Context

HERE = Context()


def law(*probs: float) -> Distribution:
    return Distribution.from_logits(np.log(np.array(probs, dtype=np.float64)))


def logits(*row: float) -> Distribution:
    return Distribution.from_logits(np.array(row, dtype=np.float64))


def kept(sampler: Any, dist: Distribution, context: Context = HERE) -> list[int]:
    return sorted(sampler.apply(dist, context).token_ids.tolist())


def shown(sampler: Any, token_id: int, dist: Distribution, context: Context = HERE) -> str:
    """The working with its numbers put in, to four places."""
    text, numbers = sampler.worked(token_id, dist, sampler.apply(dist, context), context)
    written: str = text.format(**{name: round(number, 4) for name, number in numbers.items()})
    return written
