"""GGUF files through llama.cpp, by the low-level API of its Python binding.

Three measurements shape this file. A slice of 64 tokens or more takes another kernel and gives other logits, so a
prompt is evaluated in slices of at most 63, and a last slice of one token is avoided. Asking for the logits of the
last position alone avoids a buffer of context x vocabulary floats. More spinning threads than free cores make a
step a hundred times slower, so the default leaves room.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

os.environ.setdefault(
    "GGML_NO_BACKTRACE", "1"
)  # an abort would start a debugger first: seconds instead of ms
# OpenMP threads that meet a busy core spin on each other: a first step took 3 s instead of 30 ms. Spinning 1,000
# times before sleeping costs 2 % on an idle machine and bounds a step at 60 ms beside a busy process.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp.llama_cpp as lib

from models.engine import Evaluation, Logits, OneByOne, Request, check_length, check_token_ids, take_turn
from models.errors import (
    BrokenLogits,
    DamagedModel,
    EngineClosed,
    EngineFailed,
)

SLICE = 63
CONTEXT_STEP = 256  # llama.cpp rounds a context up to this
ALL_LAYERS = 999  # n_gpu_layers: as many as there are, where the build has a GPU at all


@lib.llama_log_callback
def _silence(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
    """Errors come back as return codes; the library's own lines would only frighten a learner."""


def default_n_threads() -> int:
    """All cores up to two; from four up leave one free for the page and the rest of the machine."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, n_cores - 1 if n_cores >= 4 else min(n_cores, 2))


def prompt_slices(n_tokens: int) -> list[int]:
    """How a prompt is cut: slices of 2 to 63 tokens, whose logits do not depend on the cut.

    >>> prompt_slices(1), prompt_slices(63), prompt_slices(64), prompt_slices(130)
    ([1], [63], [62, 2], [63, 63, 4])
    """
    n_full, rest = divmod(n_tokens, SLICE)
    if rest == 1 and n_full:
        return [SLICE] * (n_full - 1) + [SLICE - 1, 2]
    return [SLICE] * n_full + ([rest] if rest else [])


# the binding's own declaration returns a pointer object; its address as a number is all we need
_address_of_row = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ctypes.cast(lib._lib.llama_get_logits_ith, ctypes.c_void_p).value or 0
)


class Weights:
    """The native model: tensors and vocabulary. Freed when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        parameters = lib.llama_model_default_params()
        parameters.n_gpu_layers = ALL_LAYERS
        self.model = lib.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.model:
            raise DamagedModel(str(path), "llama.cpp refused it")
        free = weakref.finalize(self, lib.llama_model_free, self.model)
        free.atexit = False  # the process ends anyway, and a context may still look at the tensors
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.vocab_size = int(lib.llama_vocab_n_tokens(self.vocab))


class LlamaCppEngine(OneByOne):
    """One context, one sequence, one caller at a time; the others wait for the lock."""

    name = "llama_cpp"

    def __init__(self, path: Path, *, context_length: int, n_threads: int | None = None) -> None:
        """`path` has passed `models.gguf.read_header`. Raises DamagedModel, EngineFailed."""
        self.n_threads = n_threads or default_n_threads()
        self._lock = threading.Lock()
        self._cached: list[int] = []
        self._viewed: tuple[int, Logits] = (0, np.empty(0, dtype=np.float32))
        _start_library()
        self.weights = Weights(path)
        self._context_length = -(-context_length // CONTEXT_STEP) * CONTEXT_STEP
        self._context: object | None = self._open_context()
        self._vocab_size = self.weights.vocab_size
        self._memory = lib.llama_get_memory(self._context)
        self._batch = _batch_of_one_sequence()

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    @property
    def context_length(self) -> int:
        return self._context_length

    def tokenizer(self) -> LlamaCppTokenizer:
        return LlamaCppTokenizer(self.weights)

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        request = request or Request()
        take_turn(self._lock, request)
        try:
            self._check(token_ids)
            n_reused = self._keep(token_ids, at_most=len(token_ids) - 1)
            self._evaluate(token_ids, n_reused, request)
            row = self._row(-1)
        finally:
            self._lock.release()
        n_new = len(token_ids) - n_reused
        request.report(Evaluation("prefill" if n_new > 1 else "step", n_reused, n_new))
        return row

    def all_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Iterator[Logits]:
        """One slice of at most 63 rows at a time; other callers may come between two slices."""
        request = request or Request()
        n_done = 0
        for n_tokens in prompt_slices(len(token_ids)) or [0]:
            take_turn(self._lock, request)
            try:
                self._check(token_ids)
                n_reused = self._keep(token_ids, at_most=n_done)
                self._evaluate(token_ids[:n_done], n_reused, request)
                request.check()
                self._decode(token_ids[n_done : n_done + n_tokens], n_done, every_row=True)
                block = np.stack([self._row(i) for i in range(n_tokens)])
            finally:
                self._lock.release()
            n_done += n_tokens
            yield block

    def close(self) -> None:
        """Free the context. The weights go when the tokenizer, which reads its vocabulary from them, goes too."""
        with self._lock:
            if self._context is not None:
                lib.llama_batch_free(self._batch)
                lib.llama_free(self._context)
            self._context = None

    def _check(self, token_ids: Sequence[int]) -> None:
        if self._context is None:
            raise EngineClosed(self.name)
        check_length(token_ids, self._context_length)

    def _keep(self, token_ids: Sequence[int], *, at_most: int) -> int:
        """Forget what the cache holds beyond the shared prefix, and return the length of what stays."""
        n_kept = min(_common_prefix(self._cached, token_ids), at_most)
        if n_kept < len(self._cached):
            if not lib.llama_memory_seq_rm(self._memory, 0, n_kept, -1):
                n_kept = 0  # a recurrent model cannot forget its end alone
                lib.llama_memory_clear(self._memory, True)
            del self._cached[n_kept:]
        return n_kept

    def _evaluate(self, token_ids: Sequence[int], n_done: int, request: Request) -> None:
        for n_tokens in prompt_slices(len(token_ids) - n_done):
            request.check()
            self._decode(token_ids[n_done : n_done + n_tokens], n_done, every_row=False)
            n_done += n_tokens

    def _decode(self, token_ids: Sequence[int], start: int, *, every_row: bool) -> None:
        check_token_ids(token_ids, self._vocab_size)
        batch, last = self._batch, len(token_ids) - 1
        batch.n_tokens = last + 1
        for i, token_id in enumerate(token_ids):
            batch.token[i], batch.pos[i], batch.logits[i] = token_id, start + i, every_row or i == last
        code = lib.llama_decode(self._context, batch)
        if code != 0:
            lib.llama_memory_clear(self._memory, True)
            self._cached.clear()
            raise EngineFailed(self.name, f"llama_decode returned {code}")
        self._cached.extend(token_ids)

    def _row(self, i: int) -> Logits:
        """A copy of the logits at position `i` of the last batch; -1 is its last."""
        row = self._view(_address_of_row(self._context, i)).copy()
        # NaN and +inf show in the maximum; damaged weights load without a word
        if not math.isfinite(row.max()):
            n_bad = int(np.count_nonzero(np.isnan(row) | np.isposinf(row)))
            raise BrokenLogits(n_bad or self._vocab_size, self._vocab_size)
        return row

    def _view(self, address: int) -> Logits:
        """The library's own memory as an array. It seldom moves, and making a view costs 50 us after a decode."""
        if address != self._viewed[0]:
            kind = ctypes.c_float * self._vocab_size
            self._viewed = address, np.ctypeslib.as_array(kind.from_address(address))
        return self._viewed[1]

    def _open_context(self) -> object:
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = self._context_length
        parameters.n_batch = parameters.n_ubatch = SLICE + 1
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = self.n_threads
        parameters.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        parameters.no_perf = True
        context = lib.llama_init_from_model(self.weights.model, parameters)
        if not context:
            raise EngineFailed(self.name, "it could not open a context of this length")
        return context


class LlamaCppTokenizer:
    """The vocabulary of a loaded GGUF file."""

    def __init__(self, weights: Weights) -> None:
        self._weights, self._vocab, self._size = weights, weights.vocab, weights.vocab_size
        self._known_bytes: dict[int, bytes] = {}
        bos, eos = int(lib.llama_vocab_bos(self._vocab)), int(lib.llama_vocab_eos(self._vocab))
        self.bos_id: int | None = bos if bos >= 0 and lib.llama_vocab_get_add_bos(self._vocab) else None
        self.special_texts: Mapping[str, str] = {
            "bos_token": self._written(bos),
            "eos_token": self._written(eos),
        }

    # both ask about every token: 30 ms each, which one look at one law does not need
    @cached_property
    def eos_ids(self) -> frozenset[int]:
        return frozenset(i for i in range(self._size) if lib.llama_vocab_is_eog(self._vocab, i))

    @cached_property
    def special_ids(self) -> frozenset[int]:
        return frozenset(i for i in range(self._size) if lib.llama_vocab_is_control(self._vocab, i))

    def encode(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        raw = text.encode("utf-8")
        room = len(raw) + 8
        ids = (lib.llama_token * room)()
        n = lib.llama_tokenize(self._vocab, raw, len(raw), ids, room, add_special, parse_special)
        if n < 0:
            raise EngineFailed(LlamaCppEngine.name, "the text could not be cut into tokens")
        return ids[:n]

    def token_bytes(self, token_id: int) -> bytes:
        known = self._known_bytes.get(token_id)
        if known is None:
            known = self._known_bytes[token_id] = self._ask_bytes(token_id)
        return known

    def _ask_bytes(self, token_id: int) -> bytes:
        check_token_ids([token_id], self._size)
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = lib.llama_token_to_piece(self._vocab, token_id, buffer, size, 0, True)
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    def _written(self, token_id: int) -> str:
        return self.token_bytes(token_id).decode("utf-8", "replace") if token_id >= 0 else ""


def _start_library() -> None:
    lib.llama_log_set(_silence, ctypes.c_void_p(0))
    lib.llama_backend_init()


def _batch_of_one_sequence() -> lib.llama_batch:
    batch = lib.llama_batch_init(SLICE, 0, 1)
    for i in range(SLICE):
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
    return batch


def _common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences share from the start.

    >>> _common_prefix([1, 2, 3], [1, 2, 4, 5]), _common_prefix([1, 2], [1, 2, 3]), _common_prefix([], [1])
    (2, 2, 0)
    """
    shortest = min(len(left), len(right))
    if left[:shortest] == right[:shortest]:  # the usual case, at the speed of C
        return shortest
    return next(i for i in range(shortest) if left[i] != right[i])
