"""Greedy search: the most likely token, again and again. One hypothesis, and no way back from a bad bet."""

from __future__ import annotations

from collections.abc import Sequence

from models.engine import Request
from models.loading import LoadedModel
from sandbox.search.beam import BeamSettings, beam
from sandbox.search.hypothesis import Search


def greedy(
    model: LoadedModel,
    token_ids: Sequence[int],
    *,
    max_tokens: int = 64,
    request: Request | None = None,
) -> Search:
    """A beam search of width 1; among equals the lowest id. The score is the sum of log-probabilities.

    It ends at the first end token, max_tokens, or a full context. Raises like `beam`.

    >>> from models.loading import load
    >>> from sandbox.search.hypothesis import finished
    >>> finished(greedy(load("toy"), [97], max_tokens=3))[1].hypotheses[0].token_ids
    (98, 99, 100)
    """
    settings = BeamSettings(beams=1, length_penalty=0.0, early_stopping=True, max_tokens=max_tokens)
    return beam(model, token_ids, settings, request=request)
