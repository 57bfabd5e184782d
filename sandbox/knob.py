"""Knobs: what a setting of a sampler may be, written once and used for the check, the message and the slider.

Knob (a number), Switch, TokenIds, TokenSequences, Biases, Breakers, Text, Logits. Each has

    checked(value, *, sampler, knob)  the value as it is kept: plain, immutable; raises KnobOutOfRange, InvalidKnob
    plain(value)                      the same value for JSON
    neutral                           the value at which the sampler does nothing, None where there is none
    described()                       the knob for a page: its kind, interval, neutral value, slider
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, Protocol

import numpy as np

from models.text import check_text
from sandbox.errors import InvalidKnob, KnobOutOfRange

Bias = tuple[tuple[int, float], ...]
Sequences = tuple[tuple[int, ...], ...]

MAX_IDS = 300_000  # also of biases: more than the largest vocabulary in use, 262,144
MAX_SEQUENCES, MAX_IN_SEQUENCE = 10_000, 1_000
MAX_BREAKERS, MAX_BREAKER = 32, 40  # each is looked for in the whole vocabulary; the second is in characters


class AnyKnob(Protocol):
    kind: ClassVar[str]

    @property
    def neutral(self) -> Any: ...

    def checked(self, value: object, *, sampler: str, knob: str) -> Any: ...

    def plain(self, value: Any) -> Any: ...

    def described(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Knob:
    """A number with an interval and the value at which its sampler does nothing.

    interval: in the notation `(0, 1]`, round at an open end and square at a closed one. neutral: None where no
    value does nothing. is_optional: None is a value too, whose meaning the sampler tells. slider: where the useful
    values lie; start: the value a new card shows, where neither neutral nor a field's default would teach anything.

    >>> Knob("(0, 1]", neutral=1.0).checked(0.9, sampler="top_p", knob="p")
    0.9
    >>> Knob("[1, inf)", is_whole=True).checked(2.5, sampler="top_k", knob="k")
    Traceback (most recent call last):
    sandbox.errors.KnobOutOfRange: top_k.k = 2.5 is outside {1, 2, ...}; choose a value inside
    """

    interval: str
    neutral: float | None = None
    is_whole: bool = False
    is_optional: bool = False
    slider: tuple[float, float] | None = None
    start: float | None = None

    kind: ClassVar[str] = "number"

    @cached_property
    def bounds(self) -> tuple[float, float]:
        low, high = self.interval[1:-1].split(",")
        return float(low), float(high)

    def __contains__(self, value: float) -> bool:
        if not abs(value) <= sys.float_info.max:  # NaN, an infinity, or a whole number no float can hold
            return False
        low, high = self.bounds
        above = value >= low if self.interval[0] == "[" else value > low
        below = value <= high if self.interval[-1] == "]" else value < high
        return above and below and (not self.is_whole or value == math.floor(value))

    def __str__(self) -> str:
        if not self.is_whole:
            return self.interval
        low, high = self.bounds
        last = "" if high == math.inf else f", {int(high) - (self.interval[-1] == ')')}"
        return f"{{{int(low)}, {int(low) + 1}, ...{last}}}"

    def checked(self, value: object, *, sampler: str, knob: str) -> Any:
        """The value as a plain int or float, ready for JSON. Raises KnobOutOfRange, also for what is no number."""
        if value is None and self.is_optional:
            return None
        number = value.item() if isinstance(value, np.number) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or number not in self:
            raise KnobOutOfRange(sampler, knob, value, str(self))
        return math.floor(number) if self.is_whole else float(number)

    def plain(self, value: Any) -> Any:
        return value

    def described(self) -> dict[str, Any]:
        # JavaScript counts exactly to 2**53; a larger neutral value (k for "all of them") is told as none
        neutral = None if self.neutral is not None and self.neutral > 2**53 else self.neutral
        return {
            "kind": self.kind,
            "interval": str(self),
            "neutral": neutral,
            "is_whole": self.is_whole,
            "is_optional": self.is_optional,
            "slider": list(self.slider) if self.slider else None,
            "start": self.start,
        }


MIN_KEEP = Knob("[1, inf)", neutral=1, is_whole=True, slider=(1, 20))


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    neutral: bool | None = None

    kind: ClassVar[str] = "switch"

    def checked(self, value: object, *, sampler: str, knob: str) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise InvalidKnob(sampler, knob, value, "true or false")
        return bool(value)

    def plain(self, value: Any) -> Any:
        return value

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "neutral": self.neutral}


@dataclass(frozen=True)
class TokenIds:
    """Token ids, each once, in the order given; a lone number is a list of one.

    >>> TokenIds().checked([3, 1, 3], sampler="suppress_tokens", knob="tokens")
    (3, 1)
    """

    neutral: tuple[int, ...] | None = ()
    may_be_empty: bool = True
    is_optional: bool = False

    kind: ClassVar[str] = "tokens"

    def checked(self, value: object, *, sampler: str, knob: str) -> tuple[int, ...] | None:
        if value is None and self.is_optional:
            return None
        ids = token_ids_of([value] if _is_id(value) else value, MAX_IDS)
        if ids is not None and len(ids) > MAX_IDS:
            raise InvalidKnob(sampler, knob, "...", f"at most {MAX_IDS} token ids")
        if ids is None or not (ids or self.may_be_empty):
            expected = "a list of token ids" if self.may_be_empty else "a list of at least one token id"
            raise InvalidKnob(sampler, knob, value, expected)
        return tuple(dict.fromkeys(ids))

    def plain(self, value: Any) -> Any:
        return value if value is None or isinstance(value, int) else [int(i) for i in value]

    def described(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "neutral": self.plain(self.neutral),
            "is_optional": self.is_optional,
            "may_be_empty": self.may_be_empty,
        }


@dataclass(frozen=True)
class TokenSequences:
    """Several words, each the token ids it is made of."""

    neutral: Sequences | None = ()

    kind: ClassVar[str] = "sequences"

    def checked(self, value: object, *, sampler: str, knob: str) -> Sequences:
        given = _listed(value, MAX_SEQUENCES)
        sequences = None if given is None else [token_ids_of(each, MAX_IN_SEQUENCE) for each in given]
        longest = max((len(each or ()) for each in sequences or ()), default=0)
        if len(sequences or ()) > MAX_SEQUENCES or longest > MAX_IN_SEQUENCE:
            expected = f"at most {MAX_SEQUENCES} lists of at most {MAX_IN_SEQUENCE} token ids"
            raise InvalidKnob(sampler, knob, "...", expected)
        if sequences is None or not all(sequences):
            raise InvalidKnob(sampler, knob, value, "a list of lists of token ids, none of them empty")
        return tuple(tuple(each) for each in sequences if each)

    def plain(self, value: Any) -> Any:
        return [[int(i) for i in each] for each in value]

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "neutral": [] if self.neutral == () else None}


@dataclass(frozen=True)
class Biases:
    """What to add to the logits of some tokens: {token id: number}; -inf, written "-inf" in JSON, forbids one.

    >>> Biases().checked({"7": -1, 3: 2.5}, sampler="logit_bias", knob="bias")
    ((3, 2.5), (7, -1.0))
    """

    neutral: Bias | None = ()

    kind: ClassVar[str] = "bias"

    def checked(self, value: object, *, sampler: str, knob: str) -> Bias:
        given = value.items() if isinstance(value, Mapping) else value if isinstance(value, tuple) else None
        if given is not None and len(given) > MAX_IDS:
            raise InvalidKnob(sampler, knob, "...", f"at most {MAX_IDS} biases")
        try:
            pairs = [(_id_of(i), float(b)) for i, b in given]  # type: ignore[union-attr]  # None raises, refused below
        except (TypeError, ValueError, OverflowError):  # the last: a whole number that no float can hold
            pairs = [(-1, 0.0)]
        if any(i < 0 or not b < math.inf for i, b in pairs):
            raise InvalidKnob(sampler, knob, value, "{token id: number}, each number finite or -inf")
        if len(dict(pairs)) < len(pairs):  # {1: 5, "1": -5}
            raise InvalidKnob(sampler, knob, value, "{token id: number}, each token once")
        return tuple(sorted(pairs))

    def plain(self, value: Any) -> Any:
        pairs = value.items() if isinstance(value, Mapping) else ((str(i), b) for i, b in value)
        return {i: "-inf" if float(b) == -math.inf else float(b) for i, b in pairs}

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "neutral": {}}


@dataclass(frozen=True)
class Breakers:
    """Where a repetition ends: strings, which the model's vocabulary maps onto tokens, or token ids."""

    neutral: None = None

    kind: ClassVar[str] = "breakers"

    def checked(self, value: object, *, sampler: str, knob: str) -> tuple[str | int, ...]:
        given = _listed(value, MAX_BREAKERS)
        if given is None or not all(_is_id(each) or (isinstance(each, str) and each) for each in given):
            raise InvalidKnob(sampler, knob, value, "a list of strings, none of them empty, or of token ids")
        texts = [each for each in given if isinstance(each, str)]
        if len(given) > MAX_BREAKERS or any(len(text) > MAX_BREAKER for text in texts):
            expected = f"at most {MAX_BREAKERS} breakers of at most {MAX_BREAKER} characters"
            raise InvalidKnob(sampler, knob, value, expected)
        for text in texts:
            check_text(text)  # half of a surrogate pair has no bytes
        return tuple(each if isinstance(each, str) else int(each) for each in given)

    def plain(self, value: Any) -> Any:
        return list(value)

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "neutral": None}


@dataclass(frozen=True)
class Text:
    """A text; one of `choices` where there are any."""

    neutral: str | None = None
    choices: tuple[str, ...] = ()
    max_length: int = 20_000

    kind: ClassVar[str] = "text"

    def checked(self, value: object, *, sampler: str, knob: str) -> str:
        if not isinstance(value, str) or len(value) > self.max_length:
            raise InvalidKnob(sampler, knob, value, f"a text of at most {self.max_length} characters")
        if self.choices and value not in self.choices:
            raise InvalidKnob(sampler, knob, value, f"one of {', '.join(self.choices)}")
        return value

    def plain(self, value: Any) -> Any:
        return value

    def described(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "neutral": self.neutral,
            "choices": list(self.choices),
            "max_length": self.max_length,
        }


@dataclass(frozen=True)
class Logits:
    """A whole second row of logits, one per token id; None: the one the context brings."""

    neutral: None = None

    kind: ClassVar[str] = "logits"

    def checked(self, value: object, *, sampler: str, knob: str) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            row = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):  # the last as above
            row = np.empty((0, 0))
        if row.ndim != 1 or not len(row) or np.isnan(row).any() or np.isposinf(row).any():
            raise InvalidKnob(sampler, knob, "...", "a row of logits, one per token, each finite or -inf")
        return tuple(row.tolist())

    def plain(self, value: Any) -> Any:
        return value if value is None else ["-inf" if x == -math.inf else float(x) for x in value]

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "neutral": None}


def _is_id(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 0


def _id_of(key: object) -> int:
    """A token id, or one as JSON writes it as a name: "7", not "07". Raises ValueError."""
    if isinstance(key, str) and re.fullmatch(r"0|[1-9][0-9]{0,18}", key):
        return int(key)
    if not _is_id(key):
        raise ValueError
    return int(key)  # type: ignore[call-overload, no-any-return]  # _is_id has seen that it is a whole number


def _listed(value: object, limit: int | None) -> list[Any] | None:
    """Of a longer one, one more than the limit, which tells that there are too many."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return None
    return list(value if limit is None else islice(value, limit + 1))


def token_ids_of(value: object, limit: int | None = None) -> list[int] | None:
    """A plain list; None for what is no list of whole numbers from 0 up."""
    ids = _listed(value, limit)
    return [int(i) for i in ids] if ids is not None and all(map(_is_id, ids)) else None
