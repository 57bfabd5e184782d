"""The samplers on whole rows: llama.cpp's default order with every stage recorded, then each sampler alone.

Ours also computes the entropy, the removed mass and the first ten tokens of every stage, and draws. llama.cpp's time
includes filling its array of candidates, which its own sampling does from the logits too. transformers runs the same
filters on torch. Penalties look at a history of 64 tokens. DRY, typical, top-n-sigma and XTC stand in the chain at
their neutral values, as they do in llama.cpp.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from sandbox import DEFAULT_GENERATE, SAMPLERS, Context, Distribution, SamplerChain, Survivors, draw, uniform
from sandbox.presets import PRESETS, from_library
from scripts.benches.figure import Figure

VOCABULARIES = (49_152, 151_936, 262_144)
N_ROWS = 8
SECONDS = 0.6  # for each figure
CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
HISTORY = tuple(np.random.default_rng(3).integers(0, 49_152, 64).tolist())
Row = NDArray[np.float32]
Run = Callable[[Row], object]

# each sampler alone, where it has something to do
ALONE: dict[str, dict[str, Any]] = {
    "greedy": {},
    "top_k": {"k": 40},
    "top_p": {"p": 0.95},
    "min_p": {"p": 0.05},
    "typical_p": {"p": 0.9},
    "top_n_sigma": {"n": 1.0},
    "top_h": {"h": 0.4},
    "top_a": {"a": 0.2},
    "epsilon_cutoff": {"epsilon": 0.0006},
    "eta_cutoff": {"epsilon": 0.002},
    "p_less": {},
    "xtc": {"probability": 0.5, "threshold": 0.01, "u": 0.1},
    "temperature": {"temperature": 0.8},
    "dynamic_temperature": {"temperature": 0.8, "range": 0.5},
    "quadratic": {"factor": 0.25},
    "penalties": {"repeat": 1.1, "frequency": 0.5},
    "dry": {"multiplier": 0.8, "breakers": [198]},
    "no_repeat_ngram": {"n": 3},
    "logit_bias": {"bias": {"11": 2.0}},
    "allowed_tokens": {"tokens": list(range(0, 1000, 10))},
    "suppress_tokens": {"tokens": [11, 198]},
    "bad_words": {"sequences": [[11], [28, 198]]},
    "min_new_tokens": {"min_new": 100, "eos": [2]},
    "mirostat_v1": {"tau": 5.0},
    "mirostat_v2": {"tau": 5.0},
    "adaptive_p": {"target": 0.5},
    "cfg": {"scale": 1.5},
    "contrastive": {"alpha": 0.1, "beta": 0.5},
}


def figures() -> Iterator[Figure]:
    for vocab_size in VOCABULARIES:
        yield from chain_figures(vocab_size)
    for name in SAMPLERS:
        if name in ALONE:  # `grammar` reads text: it is measured with the model, in its own tests
            yield Figure(f"{name} alone over 49152", median_ms(alone(name), language_like_rows(49_152)))


def chain_figures(vocab_size: int) -> Iterator[Figure]:
    rows = language_like_rows(vocab_size)
    for label, settings in (("top-k 40", {}), ("top-k off", {"top_k": 0})):
        name, is_off = f"chain, {label}, over {vocab_size}", bool(settings)
        ours = median_ms(our_chain(settings), rows)
        c_ms = median_ms(c_chain(vocab_size, settings), rows)
        goal, met = ("below 1", ours < c_ms) if is_off else ("", None)
        yield Figure(f"{name}: ours | llama.cpp C", ours, c_ms, "ms", ours / c_ms, goal, met)
        torch_ms = median_ms(transformers_chain(settings), rows)
        ratio = ours / torch_ms
        yield Figure(f"{name}: ours | transformers", ours, torch_ms, "ms", ratio, "0.2", ratio <= 0.2)
        if vocab_size == VOCABULARIES[0] and not is_off:
            yield Figure(f"{name}: ours", ours, goal="0.5, limit 0.7", is_met=ours <= 0.7)
    yield Figure(f"what generate records, over {vocab_size}: ours", median_ms(traced_step, rows))


def language_like_rows(vocab_size: int) -> list[Row]:
    """Rows with a few strong candidates over a broad tail, as language models give; the same in every run."""
    dice = np.random.default_rng(11)
    rows = []
    for _ in range(N_ROWS):
        row = dice.normal(0, 2.2, vocab_size).astype(np.float32)
        row[dice.integers(0, vocab_size, 60)] += dice.exponential(4, 60).astype(np.float32)
        rows.append(row)
    return rows


def median_ms(run: Run, rows: list[Row]) -> float:
    """Over as many rounds as fit in `SECONDS`, at least three after one that warms up."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 4 * len(rows) or time.perf_counter() < end:
        for row in rows:
            started = time.perf_counter()
            run(row)
            times.append((time.perf_counter() - started) * 1000)
    return float(np.median(times[len(rows) :]))


def our_chain(settings: dict[str, Any]) -> Run:
    """Every stage of the preset, neutral ones included, with its record, and the draw."""
    own = PRESETS["llama.cpp"].library
    chain = SamplerChain.from_steps(own.steps(own.complete(settings)))
    context = Context(HISTORY, 8, len(HISTORY), seed=7)

    def run(row: Row) -> int:
        final, _ = chain.run(Distribution.from_logits(row), context)
        return draw(final, uniform(7, len(HISTORY)))

    return run


CHAIN = DEFAULT_GENERATE.chain()


def traced_step(row: Row) -> int:
    """The four stages of `generate`, its draw, and what a step records about it."""
    dist = Distribution.from_logits(row)
    final, _ = CHAIN.run(dist, Context())
    token_id = draw(final, uniform(7, 0))
    (
        Survivors.of(final),
        dist.leading(10),
        dist.entropy_bits,
        dist.rank_of(token_id),
        dist.logprob_of(token_id),
    )
    return token_id


def alone(name: str) -> Run:
    chain = SamplerChain.from_steps([{"sampler": name, **ALONE[name]}])
    other = language_like_rows(49_152)[0][::-1].copy()
    others = {"unconditional": other, "amateur": other}
    context = Context(HISTORY, 8, len(HISTORY), seed=7, others=others)  # type: ignore[arg-type]  # its keys are literals
    return lambda row: chain.run(Distribution.from_logits(row), context)


def c_chain(vocab_size: int, settings: dict[str, Any]) -> Run:
    """What common/sampling.cpp builds, and the draw."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    for sampler in (
        lib.llama_sampler_init_penalties(vocab_size, 64, 1.0, 0.0, 0.0),
        lib.llama_sampler_init_dry(None, 0.0, 1.75, 2, 64, None, 0),
        lib.llama_sampler_init_top_n_sigma(-1.0),
        lib.llama_sampler_init_top_k(settings.get("top_k", 40)),
        lib.llama_sampler_init_typical(1.0, 0),
        lib.llama_sampler_init_top_p(0.95, 0),
        lib.llama_sampler_init_min_p(0.05, 0),
        lib.llama_sampler_init_xtc(0.0, 0.1, 0, 7),
        lib.llama_sampler_init_temp_ext(0.8, 0.0, 1.0),
        lib.llama_sampler_init_dist(7),
    ):
        lib.llama_sampler_chain_add(chain, sampler)
    for token_id in HISTORY:
        lib.llama_sampler_accept(chain, token_id)
    candidates = np.zeros(vocab_size, dtype=CANDIDATE)
    ids = np.arange(vocab_size, dtype=np.int32)
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))

    def run(row: Row) -> int:
        candidates["id"], candidates["logit"], candidates["p"] = ids, row, 0
        array = lib.llama_token_data_array(pointer, vocab_size, -1, False)
        lib.llama_sampler_apply(chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    return run


def transformers_chain(settings: dict[str, Any]) -> Run:
    import torch
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    steps = from_library("llama.cpp", settings)
    warpers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "top_k": lambda step: TopKLogitsWarper(step["k"]),
        "top_p": lambda step: TopPLogitsWarper(step["p"]),
        "min_p": lambda step: MinPLogitsWarper(step["p"]),
        "temperature": lambda step: TemperatureLogitsWarper(step["temperature"]),
    }
    stages = [warpers[step["sampler"]](step) for step in steps]
    none = torch.zeros((1, 1), dtype=torch.long)

    def run(row: Row) -> int:
        scores = torch.from_numpy(row)[None, :]
        for stage in stages:
            scores = stage(none, scores)
        return int(torch.multinomial(torch.softmax(scores, -1), 1))

    return run
