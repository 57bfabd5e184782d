"""The chain 40 / 0.95 / 0.05 / 0.8 and the draw, on a whole row: ours, llama.cpp's in C, transformers' on torch.

Ours also computes the entropy and the removed mass of every stage, the rank and log-probability of the draw.
llama.cpp's time includes filling its array of candidates, which its own sampling does from the logits too.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from sandbox import DEFAULT_GENERATE, Context, Distribution, Survivors, draw, uniform
from scripts.benches.figure import Figure

VOCABULARIES = (49_152, 151_936)
N_ROWS, N_REPEATS = 8, 25
CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
Row = NDArray[np.float32]


def figures() -> list[Figure]:
    found = []
    for vocab_size in VOCABULARIES:
        rows = language_like_rows(vocab_size)
        ours = median_ms(our_chain, rows)
        c_ms = median_ms(c_chain(vocab_size), rows)
        found.append(Figure(f"chain over {vocab_size}: ours | llama.cpp C", ours, c_ms, "ms", ours / c_ms))
        torch_ms = median_ms(transformers_chain(), rows)
        found.append(
            Figure(f"chain over {vocab_size}: ours | transformers", ours, torch_ms, "ms", ours / torch_ms)
        )
    return found


def language_like_rows(vocab_size: int) -> list[Row]:
    """Rows with a few strong candidates over a broad tail, as language models give; the same in every run."""
    dice = np.random.default_rng(11)
    rows = []
    for _ in range(N_ROWS):
        row = dice.normal(0, 2.2, vocab_size).astype(np.float32)
        row[dice.integers(0, vocab_size, 60)] += dice.exponential(4, 60).astype(np.float32)
        rows.append(row)
    return rows


def median_ms(run: Callable[[Row], object], rows: list[Row]) -> float:
    times = []
    for _ in range(N_REPEATS):
        for row in rows:
            started = time.perf_counter()
            run(row)
            times.append((time.perf_counter() - started) * 1000)
    return float(np.median(times))


CHAIN = DEFAULT_GENERATE.chain()


def our_chain(row: Row) -> int:
    dist = Distribution.from_logits(row)
    final, _ = CHAIN.run(dist, Context([], 0, 0))
    token_id = draw(final, uniform(7, 0))
    (
        Survivors.of(final),
        dist.leading(10),
        dist.entropy_bits,
        dist.rank_of(token_id),
        dist.logprob_of(token_id),
    )
    return token_id


def c_chain(vocab_size: int) -> Callable[[Row], int]:
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    for sampler in (
        lib.llama_sampler_init_top_k(40),
        lib.llama_sampler_init_top_p(0.95, 1),
        lib.llama_sampler_init_min_p(0.05, 1),
        lib.llama_sampler_init_temp(0.8),
        lib.llama_sampler_init_dist(7),
    ):
        lib.llama_sampler_chain_add(chain, sampler)
    candidates = np.zeros(vocab_size, dtype=CANDIDATE)
    ids = np.arange(vocab_size, dtype=np.int32)
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))

    def run(row: Row) -> int:
        candidates["id"], candidates["logit"], candidates["p"] = ids, row, 0
        array = lib.llama_token_data_array(pointer, vocab_size, -1, False)
        lib.llama_sampler_apply(chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    return run


def transformers_chain() -> Callable[[Row], int]:
    import torch
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    stages = [
        TopKLogitsWarper(40),
        TopPLogitsWarper(0.95),
        MinPLogitsWarper(0.05),
        TemperatureLogitsWarper(0.8),
    ]
    none = torch.zeros((1, 1), dtype=torch.long)

    def run(row: Row) -> int:
        scores = torch.from_numpy(row)[None, :]
        for stage in stages:
            scores = stage(none, scores)
        return int(torch.multinomial(torch.softmax(scores, -1), 1))

    return run
