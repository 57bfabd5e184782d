"""Knobs: what each kind takes, keeps and refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sandbox.errors import InvalidKnob, KnobOutOfRange
from sandbox.knob import Biases, Breakers, Knob, Logits, Switch, Text, TokenIds, TokenSequences


def checked(knob, value):
    return knob.checked(value, sampler="s", knob="k")


@pytest.mark.parametrize(
    ("knob", "given", "kept"),
    [
        (Knob("(0, 1]"), 1, 1.0),
        (Knob("[1, inf)", is_whole=True), np.int64(40), 40),
        (Knob("[0, 1]", is_optional=True), None, None),
        (Switch(), np.bool_(True), True),
        (TokenIds(), [3, 1, 3], (3, 1)),
        (TokenIds(), np.array([2, 5]), (2, 5)),
        (TokenIds(), 2, (2,)),
        (TokenIds(is_optional=True), None, None),
        (TokenSequences(), [[1, 2], (3,)], ((1, 2), (3,))),
        (Biases(), {"7": -1, 3: 2}, ((3, 2.0), (7, -1.0))),
        (Biases(), {"7": "-inf"}, ((7, -math.inf),)),
        (Biases(), {np.int64(7): 1, "0": 2}, ((0, 2.0), (7, 1.0))),
        (Breakers(), ["\n", 5], ("\n", 5)),
        (Text(choices=("a", "b")), "b", "b"),
        (Logits(), None, None),
        (Logits(), [1, -math.inf], (1.0, -math.inf)),
    ],
)
def test_a_value_is_kept_plain_and_unchangeable(knob, given, kept):
    value = checked(knob, given)
    assert value == kept
    hash(value)


@pytest.mark.parametrize(
    ("knob", "given"),
    [
        (Switch(), 1),
        (Switch(), "true"),
        (TokenIds(), "12"),
        (TokenIds(), [1.5]),
        (TokenIds(), [-1]),
        (TokenIds(), [True]),
        (TokenIds(), {1: 2}),
        (TokenIds(), None),
        (TokenIds(may_be_empty=False), []),
        (TokenSequences(), [[]]),
        (TokenSequences(), [1]),
        (Biases(), [1, 2]),
        (Biases(), {1: math.nan}),
        (Biases(), {1: math.inf}),
        (Biases(), {-1: 0}),
        (Biases(), {"x": 0}),
        (Biases(), {1: None}),
        (Biases(), {1.7: 5}),
        (Biases(), {True: 5}),
        (Biases(), {"01": 5}),
        (Biases(), {" 1": 5}),
        (Biases(), {"١": 5}),
        (Biases(), {1: 5, "1": -5}),
        (Biases(), ((1, 5.0), (1, -5.0))),
        (Breakers(), "\n"),
        (Breakers(), [""]),
        (Breakers(), [None]),
        (Text(), 3),
        (Text(max_length=3), "four"),
        (Text(choices=("a",)), "b"),
        (Logits(), [1, math.nan]),
        (Logits(), [math.inf]),
        (Logits(), []),
        (Logits(), [[1.0]]),
        (Logits(), "abc"),
    ],
)
def test_what_is_no_such_value_is_refused_by_name(knob, given):
    with pytest.raises(InvalidKnob, match=r"s\.k = .* is not "):
        checked(knob, given)


@pytest.mark.parametrize("given", [0, 1.01, math.nan, math.inf, "0.5", None, True, [0.5]])
def test_a_number_outside_its_interval_is_refused(given):
    with pytest.raises(KnobOutOfRange, match=r"s\.k"):
        checked(Knob("(0, 1]"), given)


def test_a_long_value_is_quoted_short():
    with pytest.raises(InvalidKnob) as caught:
        checked(TokenIds(), "x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        (Knob("(0, 1]"), 0.5),
        (TokenIds(), (3, 1)),
        (TokenSequences(), ((1, 2), (3,))),
        (Biases(), ((3, 2.0), (7, -math.inf))),
        (Breakers(), ("\n", 5)),
        (Logits(), (1.0, -math.inf)),
    ],
)
def test_the_plain_form_survives_json(knob, value):
    assert checked(knob, json.loads(json.dumps(knob.plain(value), allow_nan=False))) == value


def test_every_kind_describes_itself_in_json():
    for knob in (
        Knob("[1, inf)", neutral=2**63 - 1, is_whole=True, slider=(1, 100)),
        *(Switch(), TokenIds(), TokenSequences(), Biases(), Breakers(), Text(), Logits()),
    ):
        described = json.loads(json.dumps(knob.described(), allow_nan=False))
        assert described["kind"] == knob.kind
    assert Knob("[1, inf)", neutral=2**63 - 1, is_whole=True).described()["neutral"] is None


@pytest.mark.parametrize(
    ("knob", "given", "says"),
    [
        (TokenIds(), range(300_001), "at most 300000 token ids"),
        (TokenSequences(), [[1]] * 10_001, "at most 10000 lists of at most 1000 token ids"),
        (TokenSequences(), [[1] * 1_001], "at most 10000 lists of at most 1000 token ids"),
        (Biases(), dict.fromkeys(range(300_001), 1.0), "at most 300000 biases"),
    ],
)
def test_a_knob_holds_only_so_much(knob, given, says):
    with pytest.raises(InvalidKnob, match=says):
        checked(knob, given)


def test_a_knob_holds_the_largest_vocabulary():
    assert len(checked(TokenIds(), range(262_144))) == 262_144
    assert len(checked(TokenSequences(), [[1] * 1_000] * 100)) == 100
