"""What a chain did to one law, as JSON for a page: numbers and names, no words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.errors import InvalidTokenId
from sandbox.chain import Stage
from sandbox.compare import compare
from sandbox.distribution import Distribution
from sandbox.draw import draw
from sandbox.knob import Logits
from sandbox.outcome import Outcome, Passage
from sandbox.samplers import SAMPLERS

N_SURVIVORS = 1000  # as many as a step records

Json = dict[str, Any]


def plain(value: Any) -> Any:
    """A value for JSON: what is no finite number becomes None, for JSON has neither NaN nor infinity.

    >>> plain({"u": float("nan"), 3: (np.float64(0.5), np.int64(2), True)})
    {'u': None, '3': [0.5, 2, True]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    return value


def law_view(law: Distribution, n_top: int) -> Json:
    ids, probs = law.leading(n_top)
    top = [{"token_id": i, "p": p} for i, p in zip(ids.tolist(), probs.tolist(), strict=True)]
    return {"n": len(law), "entropy_bits": law.entropy_bits, "top": top}


def final_view(law: Distribution, n_top: int) -> Json:
    """The law one draws from, with its first N_SURVIVORS in rank order."""
    ids, probs = law.leading(N_SURVIVORS)
    survivors = {"token_ids": ids.tolist(), "probs": probs.tolist()}
    return {**law_view(law, n_top), "survivors": survivors, "n_total": len(law)}


def stages_view(outcome: Outcome, n_top: int) -> list[Json]:
    return [
        {
            "sampler": stage.sampler,
            "params": _params(stage),
            "n_before": stage.n_before,
            "n_after": stage.n_after,
            "removed_mass": stage.removed_mass,
            "entropy_before": before.entropy_bits,
            "winner_changed": stage.winner_changed,
            "details": plain(stage.details),
            **_without_count(law_view(after, n_top)),
        }
        for stage, before, after in zip(outcome.stages, outcome.laws[:-1], outcome.laws[1:], strict=True)
    ]


def paths_view(outcome: Outcome, token_ids: Sequence[int]) -> Json:
    """Token id, as text -> its way through the stages. Raises InvalidTokenId."""
    return {str(token_id): _path_view(outcome, token_id) for token_id in token_ids}


def drawn_view(law: Distribution, u: float) -> Json:
    """The token where u falls, and where it lies when the ranked probabilities are laid end to end: from <= u < to.

    >>> drawn_view(Distribution.from_logits([0.0, 0.0]), 0.75)
    {'token_id': 1, 'p': 0.5, 'rank': 2, 'from': 0.5, 'to': 1.0}
    """
    token_id = draw(law, u)
    p, start = law.prob_of(token_id), law.mass_before(token_id)
    return {"token_id": token_id, "p": p, "rank": law.rank_of(token_id), "from": start, "to": start + p}


def compare_view(a: Outcome, b: Outcome, n_top: int) -> Json:
    """The second chain beside the first, on the same row. kl_bits None: infinite, b lacks a token of a."""
    between = compare(a.distribution, b.distribution)
    first = between.first_difference
    return {
        "stages": stages_view(b, n_top),
        "final": final_view(b.distribution, n_top),
        "n_common": between.n_common,
        "total_variation": between.total_variation,
        "kl_bits": plain(between.kl_bits),
        "first_difference": first and first._asdict(),
    }


def _params(stage: Stage) -> Json:
    """Without a second row of logits: half a megabyte that the page sent itself."""
    knobs = SAMPLERS[stage.sampler].knobs
    return {name: plain(value) for name, value in stage.params.items() if not isinstance(knobs[name], Logits)}


def _without_count(view: Json) -> Json:
    return {"entropy_bits": view["entropy_bits"], "top": view["top"]}


def _path_view(outcome: Outcome, token_id: int) -> Json:
    if not 0 <= token_id < outcome.vocab_size:
        raise InvalidTokenId(token_id, outcome.vocab_size)
    model = outcome.laws[0]
    return {
        "removed_by": outcome.removed_by(token_id),
        "impossible": model.position_of(token_id) is None,
        "p_model": model.prob_of(token_id),
        "p_final": outcome.distribution.prob_of(token_id),
        "rank_model": model.rank_of(token_id),
        "passages": [_passage_view(passage) for passage in outcome.path(token_id)],
    }


def _passage_view(passage: Passage) -> Json:
    worked = {"text": passage.worked.text, "numbers": plain(passage.worked.numbers)}
    return {**passage._asdict(), "worked": worked}
