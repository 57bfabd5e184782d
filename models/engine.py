"""The contract: an engine is a function from token ids to logits.

No session, no reset, no position: the caller hands over the whole sequence every time and the cache is the
engine's secret. A branch, an edit in the middle of the prompt and thirty students are all the same call.
Why so: docs/decisions/0001-engine-contract.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.errors import Cancelled, ContextFull, EmptyPrompt, InvalidTokenId

Logits = NDArray[np.float32]
Route = Literal["prefill", "step"]


class Evaluation(NamedTuple):
    """How a row of logits came to be: `step` for one new token, `prefill` for a slice of several."""

    route: Route
    n_reused: int
    n_evaluated: int


@dataclass(frozen=True)
class Request:
    """Who asks, until when, and how to give up.

    client_id: the fairness key. cancel: set it and the call ends with `Cancelled` between two slices.
    deadline: a `time.monotonic()` value. on_evaluated: told once per row how it was computed.

    >>> request = Request(deadline=time.monotonic() - 1)
    >>> request.check()
    Traceback (most recent call last):
    models.errors.Cancelled: cancelled
    """

    client_id: str = "local"
    cancel: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    on_evaluated: Callable[[Evaluation], None] | None = None

    def check(self) -> None:
        """Raise `Cancelled` when the caller has gone away or the deadline has passed."""
        if self.is_over:
            raise Cancelled

    @property
    def is_over(self) -> bool:
        return self.cancel.is_set() or (self.deadline is not None and time.monotonic() > self.deadline)

    def report(self, evaluation: Evaluation) -> None:
        if self.on_evaluated is not None:
            self.on_evaluated(evaluation)


def check_length(token_ids: Sequence[int], context_length: int) -> None:
    """Raises EmptyPrompt, ContextFull."""
    if not token_ids:
        raise EmptyPrompt
    if len(token_ids) > context_length:
        raise ContextFull(len(token_ids), context_length)


def check_token_ids(token_ids: Sequence[int], vocab_size: int) -> None:
    """Raises InvalidTokenId for the first id outside the vocabulary: native code would read outside its table.

    >>> check_token_ids([0, 5], 6)
    >>> check_token_ids([0, 6], 6)
    Traceback (most recent call last):
    models.errors.InvalidTokenId: 6 is not a token of this model; ids go from 0 to 5
    """
    if token_ids and not 0 <= min(token_ids) <= max(token_ids) < vocab_size:  # at the speed of C
        raise InvalidTokenId(next(i for i in token_ids if not 0 <= i < vocab_size), vocab_size)


def take_turn(lock: threading.Lock, request: Request) -> None:
    """Acquire the lock; a caller who gives up while waiting leaves the queue with `Cancelled`."""
    while not lock.acquire(timeout=0.05):
        request.check()


class Engine(Protocol):
    """A function from token ids to logits. Thread-safe."""

    name: str

    @property
    def vocab_size(self) -> int: ...

    @property
    def context_length(self) -> int: ...

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        """Logits of the token after `token_ids`, the WHOLE sequence: (vocab_size,) float32, the caller's own copy.

        Raises EmptyPrompt, InvalidTokenId, ContextFull, BrokenLogits, Cancelled, EngineClosed, EngineFailed.
        """
        ...

    def next_logits_many(
        self, sequences: Sequence[Sequence[int]], *, request: Request | None = None
    ) -> list[Logits]:
        """One row per sequence, in order. A batching engine does better than a loop."""
        ...

    def close(self) -> None: ...


class OneByOne:
    """For an engine that does not batch: many rows are single rows, one after the other."""

    def next_logits_many(
        self: Engine, sequences: Sequence[Sequence[int]], *, request: Request | None = None
    ) -> list[Logits]:
        return [self.next_logits(token_ids, request=request) for token_ids in sequences]


@runtime_checkable
class ScoresText(Protocol):
    """An optional power: the logits after every prefix of a text, in bounded memory."""

    def all_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Iterator[Logits]:
        """Yield (n, vocab_size) blocks of float32; row i is the law of the token at position i + 1."""
        ...


class Tokenizer(Protocol):
    """Text to ids and ids to bytes. Ids and bytes are a token's identity; text is only for people."""

    bos_id: int | None  # the token put before every text, or None
    # "bos_token" and "eos_token" as written, the names chat templates use; "" where there is none
    special_texts: Mapping[str, str]

    @property
    def eos_ids(self) -> frozenset[int]: ...

    @property
    def special_ids(self) -> frozenset[int]: ...

    def encode(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        """add_special: let the tokenizer add its own first token. parse_special: read `<|im_end|>` as control."""
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes this token adds to the text; for a special token its written form."""
        ...
