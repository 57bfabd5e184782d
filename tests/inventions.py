"""Rows, knobs and contexts for laws that hold for every sampler: hypothesis strategies.

VALUES has one strategy per kind of knob, so that a new sampler needs no line here; TOGETHER is for knobs of which one
says how another is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from sandbox.knob import Biases, Breakers, Knob, Logits, Switch, Text, TokenIds, TokenSequences
from sandbox.sampler import Context
from sandbox.samplers import SAMPLERS
from sandbox.vocabulary import Vocabulary

INF = float("inf")


# -- rows -------------------------------------------------------------------------------------------------------


def normal(rng, size):
    return rng.standard_normal(size) * 3


def holes(rng, size):
    row = np.where(rng.random(size) < 0.4, -INF, normal(rng, size))
    row[rng.integers(size)] = 1.0  # one at least is possible
    return row


SHAPES = {
    "normal": normal,
    "heavy-tailed": lambda rng, size: np.clip(rng.standard_cauchy(size) * 3, -1e4, 1e4),
    "tied": lambda rng, size: np.round(normal(rng, size)),
    "holes": holes,
    "flat": lambda rng, size: np.full(size, -7.0),
    "peaked": lambda rng, size: np.where(np.arange(size) == size // 2, 60.0, normal(rng, size)),
    "extreme": lambda rng, size: rng.choice([3e38, -3e38, 0.0, 1.0], size),
    "subnormal": lambda rng, size: rng.choice([1e-45, -1e-45, 0.0], size),
}
SIZES = (1, 2, 3, 30, 30, 400, 400, 3000)  # 3000: beyond the depths to which things are sorted
LOGITS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([-INF, 0.0, 3e38, -3e38])


@st.composite
def rows(draw: st.DrawFn, size: int | None = None) -> Any:
    """(vocab_size,) float32 with at least one possible token."""
    if size is None and draw(st.booleans()):
        row = np.array(draw(st.lists(LOGITS, min_size=1, max_size=8)), dtype=np.float32)
        return row if np.isfinite(row).any() else np.zeros_like(row)
    make = SHAPES[draw(st.sampled_from(list(SHAPES)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return make(rng, size or draw(st.sampled_from(SIZES))).astype(np.float32)


# -- knobs ------------------------------------------------------------------------------------------------------


def numbers(knob: Knob, size: int) -> st.SearchStrategy[Any]:
    """Values of the interval: near its ends, where the slider goes, and anything at all."""
    low, high = knob.bounds
    top = min(high, 1e300)
    if knob.is_whole:
        ends = [low, low + 1, 5, size, size + 1]
        found = st.sampled_from([int(v) for v in ends]) | st.integers(int(low), int(min(high, 2 * size + 20)))
    else:
        slider = knob.slider or (max(low, -10.0), min(high, 10.0))
        ends = [low, high, knob.neutral, knob.start, 0.1, 0.5, 0.9, 1e-300, 1e-9, 1e9, 1 - 2**-53]
        found = st.floats(*slider) | st.sampled_from(
            [float(v) for v in ends if v is not None and abs(v) <= top]
        )
    found = found.filter(knob.__contains__)
    return found | st.none() if knob.is_optional else found


def ids(size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, size - 1), max_size=6)


def biases(knob: Biases, size: int) -> st.SearchStrategy[dict[int, float]]:
    return st.dictionaries(st.integers(0, size - 1), st.floats(-200, 200) | st.just(-INF), max_size=5)


def token_ids(knob: TokenIds, size: int) -> st.SearchStrategy[Any]:
    found = ids(size) if knob.may_be_empty else ids(size).filter(bool)
    return found | st.none() if knob.is_optional else found


def breakers(knob: Breakers, size: int) -> st.SearchStrategy[list[str | int]]:
    return st.lists(st.sampled_from(["a", "b c", "\n"]) | st.integers(0, size - 1), max_size=3)


def second_row(knob: Logits, size: int) -> st.SearchStrategy[Any]:
    return st.none() | rows(size).map(lambda row: row.tolist())


VALUES: dict[type, Callable[[Any, int], st.SearchStrategy[Any]]] = {
    Knob: numbers,
    Switch: lambda knob, size: st.booleans(),
    TokenIds: token_ids,
    TokenSequences: lambda knob, size: st.lists(ids(size).filter(bool), max_size=3),
    Biases: biases,
    Breakers: breakers,
    Logits: second_row,
    Text: lambda knob, size: st.sampled_from(knob.choices or ("a",)),
}
# where one knob says how another is to be read
TOGETHER: dict[str, list[dict[str, Any]]] = {
    "grammar": [
        {"kind": "choice", "grammar": "a\nab"},
        {"kind": "regex", "grammar": "[a-c]+"},
        {"kind": "json_schema", "grammar": '{"type": "boolean"}'},
        {"kind": "lark", "grammar": 'start: "a" "b"'},
    ]
}


def required(name: str) -> set[str]:
    """The knobs that a step of this sampler may not leave out."""
    fields = dataclasses.fields(SAMPLERS[name])  # type: ignore[arg-type]  # samplers are dataclasses
    return {field.name for field in fields if field.default is dataclasses.MISSING}


@st.composite
def steps(draw: st.DrawFn, name: str, size: int) -> dict[str, Any]:
    if name in TOGETHER:
        return {"sampler": name, **draw(st.sampled_from(TOGETHER[name]))}
    step: dict[str, Any] = {"sampler": name}
    for knob_name, knob in SAMPLERS[name].knobs.items():
        if knob_name in required(name) or draw(st.booleans()):
            step[knob_name] = draw(VALUES[type(knob)](knob, size))
    return step


VOCABULARIES: dict[int, Vocabulary] = {}


def vocabulary(size: int) -> Vocabulary:
    """Letters and signs, then letters with a number; token 2 ends a text. 30 tokens at least, for short rows too."""
    size = max(size, 30)
    if size not in VOCABULARIES:
        letters = "ab_cdefghijklmnopqrstuvwxyz\n :"
        texts = ["<end>" if i == 2 else letters[i % 30] + str(i // 30 or "") for i in range(size)]
        VOCABULARIES[size] = Vocabulary(
            tuple(text.encode() for text in texts), frozenset({2}), frozenset({2})
        )
    return VOCABULARIES[size]


@st.composite
def contexts(draw: st.DrawFn, size: int, *, is_new: bool = False) -> Context:
    """is_new: nothing said yet, so that no grammar has been left already."""
    history = [] if is_new else draw(st.lists(st.integers(0, min(size - 1, 4)), max_size=12))
    prompt_len = draw(st.integers(0, len(history)))
    others = {"unconditional": draw(rows(size)), "amateur": draw(rows(size))}
    seed, attempt = draw(st.integers(0, 2**53 - 1)), draw(st.integers(0, 3))
    return Context(tuple(history), prompt_len, len(history), seed, attempt, vocabulary(size), others)  # type: ignore[arg-type]


@st.composite
def situations(draw: st.DrawFn, *names: str) -> tuple[Any, list[dict[str, Any]], Context]:
    """A row, steps of these samplers, and a context that fits both."""
    row = draw(rows())
    chain = [draw(steps(name, len(row))) for name in names]
    return row, chain, draw(contexts(len(row), is_new="grammar" in names))
