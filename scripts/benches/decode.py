"""Does tracing slow generation down? Beside the bare greedy loop over the binding's low-level API.

Same file, same threads, same flash attention, same context; blocks of both alternate, so that a noisy minute hits
both; medians over all steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np

from models import load
from models.engines.llamacpp import LlamaCppEngine
from models.library import embedded_file
from sandbox import DEFAULT_GENERATE, generate
from scripts.benches.figure import Figure

PROMPT = "Once upon a time, there was a little"
N_TOKENS = 50
N_BLOCKS = 20  # short blocks, many of them: a step's own time wanders by 10 % within a minute
CONTEXT = 2048


def figures() -> list[Figure]:
    model = load(context_length=CONTEXT)
    assert isinstance(model.engine, LlamaCppEngine)
    token_ids = model.tokenizer.encode(PROMPT)
    bare = BareLoop(model.engine.n_threads)
    settings = DEFAULT_GENERATE.updated(seed=7, max_tokens=N_TOKENS)
    runs: dict[str, Callable[[], list[float]]] = {
        "bare": lambda: bare.step_ms(token_ids),
        "traced": lambda: traced_step_ms(model, token_ids, settings),
        "neutral": lambda: traced_step_ms(
            model, token_ids, settings.updated(temperature=1, top_k=0, top_p=1, min_p=0)
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(N_BLOCKS):
        for name, run in runs.items():
            times[name] += run()
    medians = {name: float(np.median(values)) for name, values in times.items()}
    return [
        _figure(
            "traced generation, 0.8 / 40 / 0.95 / 0.05", medians["traced"], medians["bare"], ">= 0.92 (0.95)"
        ),
        _figure("traced generation, neutral (whole law)", medians["neutral"], medians["bare"], ">= 0.92"),
    ]


def _figure(name: str, ours_ms: float, bare_ms: float, goal: str) -> Figure:
    ratio = bare_ms / ours_ms
    return Figure(name, ours_ms, bare_ms, "ms/step", ratio, goal, ratio >= 0.92)


def traced_step_ms(model: Any, token_ids: list[int], settings: Any) -> list[float]:
    """Milliseconds between two steps as a consumer sees them, the prompt left out."""
    times, last = [], None
    for _ in generate(model, token_ids, settings):
        now = time.perf_counter()
        if last is not None:
            times.append((now - last) * 1000)
        last = now
    return times


class BareLoop:
    """What anybody would write over the low-level API: decode, read the row, take the largest."""

    def __init__(self, n_threads: int) -> None:
        self.model = lib.llama_model_load_from_file(
            str(embedded_file()).encode(), lib.llama_model_default_params()
        )
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = CONTEXT
        parameters.n_threads = parameters.n_threads_batch = n_threads
        parameters.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        self.context = lib.llama_init_from_model(self.model, parameters)
        self.vocab_size = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.batch = lib.llama_batch_init(512, 0, 1)

    def step_ms(self, token_ids: list[int]) -> list[float]:
        lib.llama_memory_clear(lib.llama_get_memory(self.context), True)
        token_id, times = self._decode(token_ids, 0), []
        for position in range(len(token_ids), len(token_ids) + N_TOKENS - 1):
            started = time.perf_counter()
            token_id = self._decode([token_id], position)
            times.append((time.perf_counter() - started) * 1000)
        return times

    def _decode(self, token_ids: list[int], start: int) -> int:
        batch = self.batch
        batch.n_tokens = len(token_ids)
        for i, token_id in enumerate(token_ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token_id, start + i, 1, 0
            batch.logits[i] = i == len(token_ids) - 1
        lib.llama_decode(self.context, batch)
        row = np.ctypeslib.as_array(lib.llama_get_logits_ith(self.context, -1), shape=(self.vocab_size,))
        return int(row.argmax())
