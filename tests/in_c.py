"""One of llama.cpp's samplers that remembers: it is told tokens, and draws."""

from __future__ import annotations

import ctypes

import numpy as np

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class InC:
    """One of llama.cpp's samplers."""

    def __init__(self, lib, sampler) -> None:
        self.lib, self.sampler = lib, sampler

    def accept(self, token_ids):
        for token_id in token_ids:
            self.lib.llama_sampler_accept(self.sampler, token_id)
        return self

    def apply(self, row):
        """(ids, logits, p, the token it drew) of the candidates that are left and possible."""
        given = np.zeros(len(row), dtype=CANDIDATE)
        given["id"], given["logit"] = np.arange(len(row)), row
        pointer = given.ctypes.data_as(ctypes.POINTER(self.lib.llama_token_data))
        array = self.lib.llama_token_data_array(pointer, len(row), -1, False)
        self.lib.llama_sampler_apply(self.sampler, ctypes.byref(array))
        out = np.ctypeslib.as_array(
            ctypes.cast(array.data, ctypes.POINTER(ctypes.c_byte)), (array.size * 12,)
        )
        left = out.view(CANDIDATE).copy()
        drawn = int(left["id"][array.selected]) if array.selected >= 0 else None
        left = left[left["logit"] > -np.inf]
        left = left[np.argsort(left["id"])]
        return left["id"], left["logit"], left["p"], drawn
