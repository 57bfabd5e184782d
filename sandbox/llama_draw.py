"""Draw as llama.cpp draws, so that its seeds give its tokens here too.

Our own draw lays the candidates out by rank. llama.cpp takes them as they lie in its array: by token id, until a stage
sorts them. Then the first one is taken whose running sum of float32 weights, added in float64, reaches u times the
whole: reaches, where ours must exceed.

Not the same: a nucleus that float32 sums cut elsewhere, the order among equal logits (llama.cpp promises none), and
mirostat and adaptive_p, which draw with another distribution of the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.distribution import Distribution, Ids
from sandbox.draw import draw
from sandbox.sampler import AnySampler, Context
from sandbox.samplers.dynamic_temperature import DynamicTemperature
from sandbox.samplers.min_p import MinP
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_p import TopP
from sandbox.samplers.typical_p import TypicalP
from sandbox.samplers.xtc import Xtc


def draw_like_llama_cpp(
    samplers: Sequence[AnySampler], laws: Sequence[Distribution], u: float, context: Context
) -> tuple[int, float]:
    """The token, and where on our own strip of ranked probabilities it lies.

    laws: before the first sampler and after each. The second number is u itself wherever our draw takes the same token;
    else the point as far into the token's piece of our strip as u lies in its piece of llama.cpp's. So
    `draw(laws[-1], second) == token` always, and a step can be redrawn and shown like any other.

    >>> law = Distribution.from_logits([0.0, math.log(3)])
    >>> token_id, on_our_strip = draw_like_llama_cpp([], [law], 0.2, Context())  # id order: 1/4, then 3/4
    >>> token_id, round(on_our_strip, 6), draw(law, 0.2)
    (0, 0.95, 1)
    """
    final = laws[-1]
    order = array_order(samplers, laws, context)
    logits = final.logits[order].astype(np.float32)
    # the nearest float32, as C's expf gives it for all but a few numbers
    weights = np.exp((logits - logits.max()).astype(np.float64)).astype(np.float32)
    sums = np.cumsum(weights, dtype=np.float64)
    # u = 0 is reached by a weight of 0 too, and there we do not follow
    at = max(int(np.searchsorted(sums, u * sums[-1], side="left")), int((weights > 0).argmax()))
    token_id = int(final.token_ids[order[at]])
    before = float(sums[at - 1]) if at else 0.0
    inside = (u * float(sums[-1]) - before) / float(weights[at])
    return token_id, _on_our_strip(final, token_id, u, inside)


def array_order(samplers: Sequence[AnySampler], laws: Sequence[Distribution], context: Context) -> Ids:
    """Positions of the last law's candidates, in the order in which llama.cpp's array would hold them."""
    final = laws[-1]
    for sampler, before in reversed(list(zip(samplers, laws[:-1], strict=True))):
        if isinstance(sampler, TypicalP) and sampler.p < 1:
            return _by(final, _distance_from_typical(before, final.token_ids))
        if _sorts(sampler, before, context):
            return _by(final, -_aligned(before.logits, before, final.token_ids))
    return np.argsort(final.token_ids)


def _sorts(sampler: AnySampler, before: Distribution, context: Context) -> bool:
    """Whether llama.cpp's stage of this name leaves its array in rank order; a neutral stage touches nothing."""
    match sampler:
        case TopK():
            return True  # also with a k that keeps everything
        case TopP():
            return sampler.p < 1
        case MinP():  # only where too few pass and the most likely are fetched back
            n_passing = np.count_nonzero(before.weights >= sampler.p)
            return bool(sampler.p > 0 and n_passing < sampler.min_keep)
        case DynamicTemperature():
            return sampler.range > 0 and len(before) > 1
        case Xtc():
            return tosses(sampler, before) and sampler.coin(context).fired
    return False


def tosses(xtc: Xtc, before: Distribution) -> bool:
    """Whether llama.cpp would toss XTC's coin for this law."""
    return xtc.probability > 0 and xtc.threshold <= 0.5 and len(before) > 1


def _by(final: Distribution, keys: NDArray[np.float64]) -> Ids:
    return np.lexsort((final.token_ids, keys))


def _aligned(values: NDArray[np.floating], law: Distribution, token_ids: Ids) -> NDArray[np.float64]:
    """The values of these tokens; `law` holds them all."""
    order = np.argsort(law.token_ids)
    at = order[np.searchsorted(law.token_ids, token_ids, sorter=order)]
    return np.asarray(values[at], dtype=np.float64)


def _distance_from_typical(law: Distribution, token_ids: Ids) -> NDArray[np.float64]:
    surprisal = -_aligned(law.logprobs, law, token_ids)
    return np.abs(surprisal - law.entropy_bits * math.log(2))


def _on_our_strip(final: Distribution, token_id: int, u: float, inside: float) -> float:
    if draw(final, u) == token_id:
        return u
    logit = final.logit_of(token_id)
    is_ahead = (final.logits > logit) | ((final.logits == logit) & (final.token_ids < token_id))
    start, p = float(final.weights[is_ahead].sum()) / final.total, final.prob_of(token_id)
    moved = start + min(max(inside, 0.0), 1.0) * p
    return moved if draw(final, moved) == token_id else start + p / 2
