"""One sampler of llama.cpp or transformers on one row: which token ids stay, and their probabilities.

A peer is a function row -> (ids ascending, probs), both (n,). The probabilities are the softmax in float64 of the
logits that the library leaves, so that what differs is the library's rule and its own arithmetic, not our reading.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]
Law = tuple[NDArray[np.intp], NDArray[np.float64]]
Peer = Callable[[Row], Law]

_CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64) - float(logits.max()))
    return weights / weights.sum()


def _law(ids: NDArray[np.intp], logits: NDArray[Any]) -> Law:
    """What they remove they leave at -inf, or take out of the list."""
    ids, logits = ids[logits > -np.inf], logits[logits > -np.inf]
    order = np.argsort(ids)
    return ids[order], softmax(logits[order])


@cache
def _llama_cpp() -> Any:
    import llama_cpp.llama_cpp as lib  # takes a second, and may not be there
    from llama_cpp import _utils

    # it opens them for good; beside torch, Python complains about that on leaving
    for file in (_utils.outnull_file, _utils.errnull_file):
        atexit.register(file.close)
    return lib


def llama(make: str, *arguments: float) -> Peer:
    """llama.cpp's C sampler `llama_sampler_init_<make>`, through the binding."""

    def law(row: Row) -> Law:
        lib = _llama_cpp()
        candidates = np.zeros(len(row), dtype=_CANDIDATE)
        candidates["id"], candidates["logit"] = np.arange(len(row)), row
        pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
        array = lib.llama_token_data_array(pointer, len(row), -1, False)
        sampler = getattr(lib, f"llama_sampler_init_{make}")(*arguments)
        lib.llama_sampler_apply(sampler, ctypes.byref(array))
        lib.llama_sampler_free(sampler)
        # xtc moves the beginning of the list forward
        start = (ctypes.cast(array.data, ctypes.c_void_p).value or 0) - candidates.ctypes.data
        left = candidates[start // _CANDIDATE.itemsize :][: array.size]
        if make == "greedy":
            left = left[array.selected :][:1]
        return _law(left["id"].astype(np.intp), left["logit"])

    return law


def transformers(make: str, *arguments: float, **named: int) -> Peer:
    """A logits processor of transformers, in float32 on the CPU as generate() calls it."""

    def law(row: Row) -> Law:
        import torch
        import transformers.generation.logits_process as lib  # takes seconds, and may not be there

        scores = getattr(lib, make)(*arguments, **named)(
            torch.zeros((1, 1), dtype=torch.long), torch.from_numpy(row.copy())[None, :]
        )
        return _law(np.arange(len(row)), scores[0].numpy())

    return law
