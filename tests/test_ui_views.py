"""Tokens, tables and percentages as a terminal shows them."""

from __future__ import annotations

import pytest

from ui.views.next_step import percent
from ui.views.tables import plain_table
from ui.views.tokens import columns, padded, printable, visible_token


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (b" Paris", "␠Paris"),
        (b"  ", "␠␠"),
        (b"a b", "a b"),
        (b"\n\n", "↵↵"),
        (b"\t", "⇥"),
        (b"\r", "⟨U+000D⟩"),
        (b"", "∅"),
        (b"\xf0\x9f", "<F0><9F>"),
        ("é".encode()[:1] + b" ", "<C3>␠"),
        ("\u202eabc".encode(), "⟨U+202E⟩abc"),
        ("\u00a0".encode(), "⟨U+00A0⟩"),
        ("\u200b".encode(), "⟨U+200B⟩"),
        ("\u3164".encode(), "⟨U+3164⟩"),
        ("\u0301".encode(), "◌\u0301"),
        (b"\x1b]0;title\x07", "⟨U+001B⟩]0;title⟨U+0007⟩"),
        (b"<script>", "<script>"),
        ("🙂".encode(), "🙂"),
        ("中文".encode(), "中文"),
    ],
)
def test_a_token_shows_everything_it_holds(token, shown):
    assert visible_token(token) == shown


@pytest.mark.parametrize(
    "code", [0x1B, 0x07, 0x08, 0x0D, 0x7F, 0x9B, 0x202E, 0x2066, 0x200F, 0xE0041, 0xFEFF]
)
def test_nothing_a_terminal_obeys_passes(code):
    assert chr(code) not in printable(f"a{chr(code)}b") and chr(code) not in visible_token(chr(code).encode())


def test_a_text_keeps_its_lines():
    assert printable("a\n\tb c") == "a\n\tb c"


def test_wide_characters_take_two_columns_and_accents_none():
    assert [columns("中文"), columns("e\u0301"), columns("é")] == [4, 1, 1]
    assert padded("中", 4, to_right=True) == "  中"


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.768, "76.8"), (0.01, "1.0"), (0.00996, "1.00"), (0.0058, "0.58"), (8e-5, "0.008"), (0.9994, "99.9")],
)
def test_small_shares_keep_their_digits(probability, shown):
    assert percent(probability, "en") == f"{shown}\u00a0%"


def test_nothing_is_rounded_to_a_certainty():
    assert percent(0.99999, "fr") == ">\u00a099,9\u00a0%" and percent(1e-12, "fr") == "<\u00a00,001\u00a0%"


def test_a_table_cannot_be_broken_by_a_cell():
    assert plain_table([["a\nb", "\x1b[0m"]], indent="") == "a⟨U+000A⟩b  ⟨U+001B⟩[0m"
