"""Text out of bytes and stop strings out of text, however they are cut."""

from __future__ import annotations

import itertools

import pytest

from sandbox.stopping import StopStrings
from sandbox.text import TextStream, text_of

TEXTS = [
    "Être où l'été naît, cœur léger",
    "👩‍👩‍👧 et 🇫🇷 !",
    "日本語と中文，한국어",
    "e\u0301 \u202e \u200b",
    "\U0010ffff\ufffd",
]


def fed(parts):
    stream = TextStream()
    return [stream.feed(part) for part in parts] + [stream.flush()]


@pytest.mark.parametrize("text", TEXTS)
def test_text_cut_at_every_byte_boundary_comes_out_whole(text):
    data = text.encode()
    for at in range(len(data) + 1):
        assert "".join(fed([data[:at], data[at:]])) == text


@pytest.mark.parametrize("text", TEXTS)
def test_text_fed_byte_by_byte_appears_one_whole_character_at_a_time(text):
    pieces = fed([bytes([byte]) for byte in text.encode()])
    assert [piece for piece in pieces if piece] == list(text)


def test_an_incomplete_character_is_held_back_and_never_shown_as_a_replacement():
    for n in range(1, 4):
        stream = TextStream()
        assert stream.feed("😀".encode()[:n]) == ""
        assert "\ufffd" not in stream.flush()


def test_bytes_still_waiting_at_the_end_are_shown_as_bytes():
    assert fed([b"caf\xc3"]) == ["caf", "<C3>"]
    assert fed([b"\xf0\x9f", b"\x98"]) == ["", "", "<F0><9F><98>"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\xffb", "a<FF>b"),
        (b"\x80\x80", "<80><80>"),
        (b"\xc0\xaf", "<C0><AF>"),
        (b"\xed\xa0\x80", "<ED><A0><80>"),
        (b"\xe2\x82A", "<E2><82>A"),
        (b"\xf4\x90\x80\x80", "<F4><90><80><80>"),
    ],
)
def test_bytes_that_can_never_be_a_character_are_shown_however_they_arrive(data, text):
    assert text_of(data) == text
    for at in range(len(data) + 1):
        assert "".join(fed([data[:at], data[at:]])) == text


def test_a_stream_starts_again_after_a_flush():
    stream = TextStream()
    stream.feed(b"\xc3")
    stream.flush()
    assert stream.feed("é".encode()) == "é"


def cuts(text):
    """Every way to cut a text into pieces."""
    for ends in itertools.product((False, True), repeat=len(text) - 1):
        starts = [0, *(i + 1 for i, is_end in enumerate(ends) if is_end), len(text)]
        yield [text[a:b] for a, b in itertools.pairwise(starts)]


@pytest.mark.parametrize(
    ("text", "stops", "shown"),
    [
        ("one\nUser: two", ["\nUser:"], "one"),
        ("aaab", ["aab"], "a"),
        ("xENDyEND", ["END"], "x"),
        ("ab\n\ncd", ["\n\n", "zz"], "ab"),
        ("x!y#z", ["#", "!"], "x"),
        ("no stop", ["###"], "no stop"),
        ("half #", ["###"], "half #"),
    ],
)
def test_a_stop_string_ends_the_text_before_itself_however_it_is_cut(text, stops, shown):
    for pieces in cuts(text):
        stop = StopStrings(stops)
        assert "".join(map(stop.feed, pieces)) + stop.flush() == shown
        assert stop.is_met == (shown != text)


def test_only_what_may_begin_a_stop_string_is_held_back():
    stop = StopStrings(["###", "\n\n"])
    assert [stop.feed(piece) for piece in ("a#", "b\n", "c", "#", "#", "d")] == [
        "a",
        "#b",
        "\nc",
        "",
        "",
        "##d",
    ]


def test_nothing_is_shown_after_a_stop_string():
    stop = StopStrings(["."])
    assert (stop.feed("Fin. Et"), stop.feed(" puis"), stop.flush()) == ("Fin", "", "")


def test_without_stop_strings_everything_passes_at_once():
    assert StopStrings().feed("text") == "text"
