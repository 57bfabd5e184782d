"""The second row of logits that a sampler between two laws compares with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.distribution import Distribution
from sandbox.errors import NeedsOtherLogits, OtherLogitsDoNotFit
from sandbox.sampler import Context, OtherLaw


def other_law(
    dist: Distribution, context: Context, *, sampler: str, name: OtherLaw, given: Sequence[float] | None
) -> Distribution:
    """The law of the row given as a knob, or else of the one the context brings under this name.

    Raises NeedsOtherLogits where there is neither, OtherLogitsDoNotFit for a row of another vocabulary, and what
    `Distribution.from_logits` raises for a broken row.
    """
    knob = f"{name}_logits"
    row = context.others.get(name) if given is None else given
    if row is None:
        raise NeedsOtherLogits(sampler, knob)
    if np.size(row) != dist.vocab_size:
        raise OtherLogitsDoNotFit(sampler, knob, np.size(row), dist.vocab_size)
    return Distribution.from_logits(row)


def logprobs_of_candidates(other: Distribution, dist: Distribution) -> NDArray[np.float64]:
    """(n,) for the candidates of `dist`: their natural log-probabilities under the other law, -inf where it has none.

    >>> other = Distribution.from_logits([0.0, 0.0, float("-inf")])
    >>> logprobs_of_candidates(other, Distribution.from_logits([1.0, 2.0, 3.0]).first(2)).round(4).tolist()
    [-inf, -0.6931]
    """
    if len(other) == len(dist) == other.vocab_size and not dist.is_ranked:
        return other.logprobs
    dense = np.full(other.vocab_size, -np.inf)
    dense[other.token_ids] = other.logprobs
    return dense[dist.token_ids]
