"""Which tokens a grammar allows: the mask is what the definition says, and bad constraints are refused.

The definition, used as the oracle: a token may follow a text when text and bytes together begin some allowed text; an
end token, when the text is an allowed one. Here the allowed texts are few enough to be written down or tried out.
"""

from __future__ import annotations

import gc
import itertools
import json
import re
import threading
import time
import weakref
from collections.abc import Iterable

import numpy as np
import pytest

from models.errors import HouseError, InvalidText
from sandbox import constraint
from sandbox.chain import SamplerChain
from sandbox.constraint import allowed, alternatives, check, is_complete
from sandbox.errors import (
    EmptyAlternative,
    EmptyGrammar,
    GrammarFitsNothing,
    GrammarRejects,
    GrammarTooDeep,
    GrammarTooLarge,
    InvalidGrammar,
    InvalidKnob,
    RepeatedAlternative,
)
from sandbox.json_schema import MAX_DEPTH
from sandbox.samplers.grammar import Grammar
from sandbox.vocabulary import Vocabulary
from tests.pieces import END, ENDS, STOP, TOKENS, USER, VOCABULARY, ids_of, new_vocabulary


def allowed_ids(kind: str, grammar: str, token_ids: Iterable[int] = ()) -> set[int]:
    return set(np.flatnonzero(allowed(VOCABULARY, kind, grammar, list(token_ids)).mask).tolist())


def by_definition(language: set[bytes], so_far: bytes) -> set[int]:
    begins = {text[:n] for text in language for n in range(len(text) + 1)}
    ends = ENDS if so_far in language else set()
    return ends | {i for i, token in enumerate(TOKENS[:END]) if token and so_far + token in begins}


def assert_is_the_language(kind: str, grammar: str, language: set[bytes]) -> int:
    """At every place any allowed text can be at, cut into tokens in any way; how many places were looked at."""
    places, todo = set(), [b""]
    while todo:
        so_far = todo.pop()
        expected = by_definition(language, so_far)
        assert allowed_ids(kind, grammar, ids_of(so_far)) == expected, so_far
        assert is_complete(VOCABULARY, kind, grammar, ids_of(so_far)) is (so_far in language)
        further = {so_far + TOKENS[i] for i in expected - ENDS} - places
        places |= further
        todo += further
    return len(places) + 1


# --- the mask is the definition -----------------------------------------------------------------------------------

CHOICES = [
    ["positive", "negative", "neutral"],
    ["New", "New York", "New York City"],
    ["abc", "ab", "abcab"],
    ["négatif", "été", "né"],
    [
        'say "hi"',
        "back\\slash",
        "a/b",
        "a.b*",
        "%json {}",
        "tab\there",
        "line\nbreak",
        "\\n",
        "nul\x00",
        "#x",
        "//x",
    ],
    ["😀", "中文", "\u2028", " leading", "trailing "],
    ["<|end|>", "<|user|>"],
]


@pytest.mark.parametrize("answers", CHOICES, ids=lambda answers: repr(answers[0]))
def test_a_choice_allows_its_answers_literally_and_one_space_before(answers):
    language = {(space + answer).encode() for answer in answers for space in ("", " ")}
    assert assert_is_the_language("choice", json.dumps(answers), language) > len(answers)


def test_any_texts_can_be_the_answers():
    rng = np.random.default_rng(3)
    alphabet = [*'ab "\\/\n\r\t\x00\x7f\x1b|()[]{}*+?.^$%<>~&:@#éß€😀\u200b\ufeff']
    for _ in range(30):
        words = {"".join(alphabet[i] for i in rng.integers(0, len(alphabet), 4)) for _ in range(4)}
        language = {(space + word).encode() for word in words for space in ("", " ")}
        assert_is_the_language("choice", json.dumps(sorted(words)), language)


@pytest.mark.parametrize(
    ("pattern", "alphabet", "longest"),
    [
        (r"[ab]{2}c?", "abc", 4),
        (r"a|ab|b(a|c){0,2}c", "abc", 5),
        (r" ?n(e|é)?", "neé ", 4),
        (r"^ab?$", "ab", 3),
        (r"a/b|\\|\"", 'ab/\\"', 3),
        (r"(?i)ab", "abAB", 3),
        (r"\d-[2\d]", "0123456789-", 3),
    ],
)
def test_a_regular_expression_allows_what_matches_as_a_whole(pattern, alphabet, longest):
    """Every text over an alphabet that is as large as the expression needs."""
    texts = (
        "".join(letters) for n in range(longest + 1) for letters in itertools.product(alphabet, repeat=n)
    )
    language = {text.encode() for text in texts if re.fullmatch(pattern, text)}
    assert assert_is_the_language("regex", pattern, language) > 1


def test_a_digit_is_ascii_and_a_letter_may_have_an_accent():
    arabic_three = "٣".encode()
    assert arabic_three[0] not in allowed_ids("regex", r"\d")
    assert 0xC3 in allowed_ids("regex", r"\w") and ord("é".encode()[1:]) in allowed_ids(
        "regex", r"\w", [0xC3]
    )


def test_a_schema_allows_the_json_texts_it_describes():
    schema = {
        "type": "object",
        "properties": {"ab": {"enum": ["é", 1, None]}, "n": {"type": "boolean"}},
        "required": ["ab"],
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }
    values = [{"ab": v, **n} for v in ("é", 1, None) for n in ({}, {"n": True}, {"n": False})]
    texts = {json.dumps(v, ensure_ascii=False, separators=(",", ":")).encode() for v in values}
    escaped = {text.replace("é".encode(), form) for text in texts for form in (b"\\u00e9", b"\\u00E9")}
    seen = allowed_ids("json_schema", json.dumps(schema), ids_of('{"ab":"'))
    language = (
        texts | escaped if ord("\\") in seen else texts
    )  # JSON has two ways to write é; one may be left out
    assert assert_is_the_language("json_schema", json.dumps(schema), language) > 20


def test_a_lark_grammar_allows_what_its_rules_build():
    grammar = 'start: pair | "(" start ")"\npair: "ab" "c"?'
    for depth in (0, 1, 5):
        opened = b"(" * depth
        assert allowed_ids("lark", grammar, ids_of(opened)) == {
            ord("("),
            ord("a"),
            *two_letters(b"ab", b"abc"),
        }
        closed = opened + b"abc" + b")" * depth
        assert allowed_ids("lark", grammar, ids_of(closed)) == ENDS
        assert not depth or allowed_ids("lark", grammar, ids_of(closed[:-1])) == {ord(")")}


def two_letters(*pieces: bytes) -> set[int]:
    return {i for i, token in enumerate(TOKENS) if token in pieces}


def test_where_one_text_is_left_every_way_of_cutting_it_stays():
    """llguidance would force one way, and the law would no longer be the model's own."""
    assert allowed_ids("regex", "abc") == {ord("a"), *two_letters(b"ab", b"abc")}


def test_blanks_between_the_parts_are_limited_unless_the_schema_says_how_it_is_written():
    schema = {"type": "array", "items": {"type": "integer"}}
    assert ord(" ") in allowed_ids("json_schema", json.dumps(schema), ids_of("[1," + " " * 15))
    assert ord(" ") not in allowed_ids("json_schema", json.dumps(schema), ids_of("[1," + " " * 16))
    compact = {**schema, "x-guidance": {"whitespace_flexible": False}}
    assert ord(" ") not in allowed_ids("json_schema", json.dumps(compact), ids_of("[1,"))
    free = {**schema, "x-guidance": {"whitespace_flexible": True}}
    assert ord(" ") in allowed_ids("json_schema", json.dumps(free), ids_of("[1," + " " * 40))
    own = {**schema, "x-guidance": {"whitespace_pattern": "[ ]{1,20}"}}
    assert ord(" ") in allowed_ids("json_schema", json.dumps(own), ids_of("[1," + " " * 19))
    other = {**schema, "uniqueItems": True, "x-guidance": {"lenient": True}}
    assert ord(" ") not in allowed_ids("json_schema", json.dumps(other), ids_of("[1," + " " * 16))


def test_the_answers_of_a_choice_are_lines_or_a_list():
    assert alternatives("yes\r\n no \n\n") == ("yes", "no")
    assert alternatives('["yes", " no ", "a\\nb"]') == ("yes", " no ", "a\nb")
    assert alternatives('"yes"') == ('"yes"',)  # JSON, but no list: a line like any other
    for line in (
        "[draft]",
        "[" * 15_000,
        "[" + "1" * 5_000 + "]",
    ):  # the last two json.loads refuses in its own ways
        assert alternatives(line) == (line,)


# --- tokens that are no text ---------------------------------------------------------------------------------------


def test_a_special_token_is_never_taken_for_the_text_it_is_written_as():
    assert allowed_ids("choice", "<|user|>") == {ord("<"), ord(" ")}
    assert USER not in allowed_ids(
        "lark", 'start: A\nA: ~"x"'
    )  # anything but x, bytes that are no text included


def test_every_end_token_is_allowed_exactly_when_the_text_is_complete():
    assert allowed_ids("choice", "a\nabc", ids_of("a")) == {ord("b"), *ENDS}
    assert allowed_ids("choice", "a\nabc", ids_of("ab")) == {ord("c")}
    assert allowed_ids("choice", "a\nabc", ids_of("abc")) == ENDS


def test_an_end_that_is_not_marked_special_is_an_end_all_the_same():
    vocabulary = Vocabulary((b"a", b"b", b"ab"), frozenset(), frozenset({2}))
    assert allowed(vocabulary, "choice", "ab").mask.tolist() == [True, False, False]
    assert allowed(vocabulary, "choice", "ab", [0, 1]).mask.tolist() == [False, False, True]


def test_a_grammar_of_everything_but_a_text_lets_no_special_token_in_before_the_end():
    """~"" fits bytes that are no text, and special tokens are such bytes to llguidance."""
    vocabulary = Vocabulary((b"a", b"<s>", b"", b"<e>"), frozenset({1, 2}), frozenset({3}))
    grammar = 'start: A\nA: ~""'
    assert allowed(vocabulary, "lark", grammar).mask.tolist() == [True, False, False, False]
    assert allowed(vocabulary, "lark", grammar, [0]).mask.tolist() == [True, False, False, True]


def test_a_lark_grammar_may_ask_for_a_special_token_by_name_or_number():
    for name in ("<|user|>", f"<[{USER}]>"):
        assert allowed_ids("lark", f'start: "a" {name} "b"', ids_of("a")) == {USER}
        assert allowed_ids("lark", f'start: "a" {name} "b"', [97, USER]) == {ord("b")}


def test_after_the_end_only_an_end_is_left_and_the_answer_stays_complete():
    for answers in ("ab", "ab\nabc"):  # with and without something that could have followed
        for end in ENDS:
            after = allowed(VOCABULARY, "choice", answers, [*ids_of("ab"), end])
            assert (set(np.flatnonzero(after.mask).tolist()), after.is_complete) == (ENDS, True)

    spelt = allowed(VOCABULARY, "choice", "<|end|>", [*ids_of("<|end|>"), END])
    assert spelt.is_complete and set(np.flatnonzero(spelt.mask).tolist()) == ENDS


def test_a_grammar_of_the_empty_text_is_complete_at_once():
    assert allowed_ids("lark", 'start: ""') == ENDS


def test_where_the_vocabulary_has_no_token_that_leads_on_nothing_is_allowed():
    vocabulary = Vocabulary((b"a", b"c", b"<e>"), frozenset({2}), frozenset({2}))
    for _ in range(2):
        stuck = allowed(vocabulary, "choice", "ab\nc", [0])
        assert (stuck.mask.any(), stuck.is_complete) == (False, False)
    assert allowed(vocabulary, "choice", "ab\nc").mask.tolist() == [True, True, False]


def test_a_model_without_an_end_token_has_nothing_to_draw_after_a_complete_answer():
    vocabulary = Vocabulary(TOKENS[:256], frozenset(), frozenset())
    complete = allowed(vocabulary, "choice", "a", [97])
    assert (len(complete.mask), complete.mask.any(), complete.is_complete) == (256, False, True)


def test_tokens_with_equal_bytes_are_equally_allowed_and_one_without_bytes_never():
    twins = [i for i, token in enumerate(TOKENS) if token == b"ab"]
    assert len(twins) == 2 and set(twins) <= allowed_ids("choice", "ab")
    assert TOKENS.index(b"") not in allowed_ids("regex", "(?s:.)*")


# --- a function of its arguments -----------------------------------------------------------------------------------


def random_asks(n: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """Texts that go on, go back, part and come again, over several grammars."""
    rng = np.random.default_rng(11)
    grammars = [("choice", "abcab\nabd\nba"), ("regex", "(ab|c)*d"), ("lark", 'start: "a" start "b" | "ab"')]
    texts = [b"", *b"a ab abc abca abcab b ba c abcd aab aabb zz abz".split()]
    return [(*grammars[rng.integers(3)], tuple(texts[rng.integers(len(texts))])) for _ in range(n)]


def answer(vocabulary: Vocabulary, ask: tuple[str, str, tuple[int, ...]]) -> object:
    try:
        mask, complete = allowed(vocabulary, *ask)
    except GrammarRejects as error:
        return error.n_accepted, error.n_generated
    return np.flatnonzero(mask).tolist(), complete


def test_what_was_asked_before_changes_no_answer():
    asks = random_asks(400)
    fresh = {ask: answer(new_vocabulary(), ask) for ask in set(asks)}
    vocabulary = new_vocabulary()
    assert [answer(vocabulary, ask) for ask in asks] == [fresh[ask] for ask in asks]


def test_several_threads_get_the_answers_of_one():
    asks, vocabulary = random_asks(300), new_vocabulary()
    fresh = {ask: answer(new_vocabulary(), ask) for ask in set(asks)}
    wrong: list[object] = []

    def work(part: int) -> None:
        for ask in asks[part:] + asks[:part]:
            if answer(vocabulary, ask) != fresh[ask]:
                wrong.append(ask)

    threads = [threading.Thread(target=work, args=(part,)) for part in (0, 80, 160, 240)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_answer_cannot_be_changed_by_who_got_it():
    mask = allowed(VOCABULARY, "choice", "a").mask
    with pytest.raises(ValueError, match="read-only"):
        mask[:] = True


def test_a_text_that_does_not_fit_says_how_far_it_does():
    with pytest.raises(GrammarRejects) as caught:
        allowed(VOCABULARY, "choice", "abc", ids_of("abd"))
    assert (caught.value.n_accepted, caught.value.n_generated) == (2, 3)
    assert allowed_ids("choice", "abc", ids_of("ab")) == {ord("c")}  # and it may be put right


@pytest.mark.parametrize(
    ("tail", "n_accepted"),
    [
        ((END,), 1),
        ((99, END), 1),
        ((98, END, 97), 3),
        ((98, END, STOP), 3),
        ((-1,), 1),
        ((len(TOKENS),), 1),
        ((10**9, 98), 1),
    ],
)
def test_an_end_too_early_text_behind_it_and_ids_of_nothing_do_not_fit(tail, n_accepted):
    with pytest.raises(GrammarRejects) as caught:
        allowed(VOCABULARY, "choice", "ab", [97, *tail])
    assert (caught.value.n_accepted, caught.value.n_generated) == (n_accepted, 1 + len(tail))
    assert allowed_ids("choice", "ab", [97]) == {98}


def test_few_matchers_are_kept_and_none_outlives_its_vocabulary():
    vocabulary = new_vocabulary()
    for n in range(constraint.MAX_MATCHERS + 3):
        allowed(vocabulary, "choice", f"a{n}")
    allowed(vocabulary, "choice", "a4")  # used, so it is not the next to go
    allowed(vocabulary, "choice", "new")
    kept = [grammar for _, grammar in constraint._matchers[vocabulary]]
    assert len(kept) == constraint.MAX_MATCHERS and kept[-2:] == ["a4", "new"] and "a3" not in kept
    gone = weakref.ref(vocabulary)
    del vocabulary
    gc.collect()
    assert gone() is None


# --- what cannot be read -------------------------------------------------------------------------------------------

UNREADABLE = [
    ("choice", "", EmptyGrammar, ""),
    ("choice", " \n\t", EmptyGrammar, ""),
    ("choice", "[]", EmptyGrammar, ""),
    ("choice", "a\n\nb", EmptyAlternative, "answer 2"),
    ("choice", '["a", ""]', EmptyAlternative, "answer 2"),
    ("choice", "a\nb\n a ", RepeatedAlternative, 'answer 3 of the choice, "a"'),
    ("choice", '["a", 3]', InvalidGrammar, "3 is no text"),
    ("json_schema", " ", EmptyGrammar, ""),
    ("json_schema", '{"type": "object", "prop', InvalidGrammar, "line 1, column 20"),
    ("json_schema", "[1]", InvalidGrammar, "no JSON object"),
    ("json_schema", '{"type": "text"}', InvalidGrammar, "text"),
    ("json_schema", '{"not": {"type": "null"}}', InvalidGrammar, "not"),
    ("json_schema", '{"type": "array", "uniqueItems": true}', InvalidGrammar, "uniqueItems"),
    ("json_schema", '{"type": "string", "minLength": 5, "maxLength": 2}', InvalidGrammar, "minLength"),
    ("json_schema", '{"minimum": 1e999, "type": "number"}', InvalidGrammar, "1e999"),
    ("json_schema", '{"const": NaN}', InvalidGrammar, "NaN"),
    ("json_schema", '{"$ref": "http://127.0.0.1:9/schema"}', InvalidGrammar, "127.0.0.1"),
    ("regex", "", EmptyGrammar, ""),
    ("regex", "(ab", InvalidGrammar, "unclosed group"),
    ("regex", "a(?=b)", InvalidGrammar, "look-ahead"),
    ("regex", r"(a)\1", InvalidGrammar, "backreferences"),
    ("regex", r"\bab", InvalidGrammar, "read: lookarounds"),
    ("regex", "a\\", InvalidGrammar, "escape"),
    ("regex", "a\\\\\\", InvalidGrammar, "escape"),
    ("lark", 'begin: "a"', InvalidGrammar, "start"),
    ("lark", "start: x\nx: missing", InvalidGrammar, "line 2"),
    ("lark", "start: /(a/", InvalidGrammar, "unclosed group"),
    ("regex", "a\ud800", InvalidText, "U+D800"),
]


@pytest.mark.parametrize(("kind", "grammar", "error", "says"), UNREADABLE)
def test_what_cannot_be_read_is_refused_in_one_line_that_says_why(kind, grammar, error, says):
    steps = [{"sampler": "greedy"}, {"sampler": "grammar", "kind": kind, "grammar": grammar}]
    with pytest.raises(error) as caught:
        SamplerChain.from_steps(steps)
    assert type(caught.value) is error and caught.value.step == 1
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_an_escaped_backslash_at_the_end_is_a_character():
    check("regex", "a\\\\")
    assert allowed_ids("regex", "a\\\\", [97]) == {ord("\\")}


def test_an_unknown_kind_and_a_text_too_long_are_refused_as_knobs():
    for kind, grammar in (("xml", "a"), ("choice", "a" * 20_001), ("choice", 3)):
        with pytest.raises(InvalidKnob):
            Grammar(kind, grammar)


def test_a_grammar_that_no_text_fits_is_called_that():
    for kind, grammar in (("lark", 'start: start "a"'), ("regex", r"[^\s\S]")):
        with pytest.raises(GrammarFitsNothing):
            allowed(VOCABULARY, kind, grammar)


def test_brackets_are_counted_outside_strings_and_before_anything_recurses():
    with pytest.raises(GrammarTooDeep) as caught:
        check("json_schema", "[" * 19_000)
    assert (caught.value.depth, caught.value.limit) == (19_000, MAX_DEPTH)
    check("json_schema", json.dumps({"const": '"' + "[{" * 200}))
    check("json_schema", json.dumps({"enum": [[]] * 100}))
    nested: object = {"type": "integer"}
    for _ in range(MAX_DEPTH - 1):
        nested = {"items": nested}
    check("json_schema", json.dumps(nested))
    for too_deep in (
        {"items": nested},
        {"const": "\\", "items": nested},
    ):  # a string that ends in a backslash
        with pytest.raises(GrammarTooDeep):
            check("json_schema", json.dumps(too_deep))


def deep_choice_of_types() -> str:
    schema: dict[str, object] = {"type": "integer"}
    for n in range(8):
        sides = [{"anyOf": [schema, {"type": "string", bound: n}]} for bound in ("maxLength", "minLength")]
        schema = {"allOf": sides}
    return json.dumps(schema)


HOSTILE = [
    ("regex", "((a{1,100}){1,100}){1,100}"),
    ("regex", "(a{1,1000}){1,1000}"),
    ("regex", "(.*a.{20})+b"),
    ("regex", "[ab]*a[ab]{200}"),
    ("regex", "(a|a)*" * 300 + "b"),
    ("regex", "|".join(f"(a|b)*{'c' * n}" for n in range(1, 150))),
    ("lark", "start: s\ns: s s | s s s | " + '"a" |'),
    ("lark", "start: r0\n" + "\n".join(f"r{n}: r{n + 1} r{n + 1}" for n in range(40)) + '\nr40: "a"?'),
    ("lark", 'start: ("a" | "b"){0,100000}'),
    ("lark", "start: A\nA: /[ab]*a[ab]{60}/ & /[ab]*b[ab]{50}/ & /([ab]{7})*/"),
    ("json_schema", deep_choice_of_types()),
    ("json_schema", '{"type": "integer", "multipleOf": 99999, "minimum": 3, "maximum": 1000000000000000}'),
    ("json_schema", json.dumps({"type": "string", "pattern": "([ab]{1,90}){1,90}c"})),
    ("json_schema", json.dumps({"required": [f"k{n}" for n in range(2000)]})),
]


@pytest.mark.parametrize(("kind", "grammar"), HOSTILE, ids=lambda value: value[:24])
def test_a_hostile_constraint_is_answered_within_two_seconds(kind, grammar):
    """An answer is a mask, or a refusal: forty steps further into whatever it allows."""
    vocabulary, rng, ids = new_vocabulary(), np.random.default_rng(0), list[int]()
    worst = 0.0
    for _ in range(40):
        started = time.perf_counter()
        try:
            mask = allowed(vocabulary, kind, grammar, ids).mask
        except (GrammarTooLarge, InvalidGrammar) as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            mask = np.zeros(1, dtype=bool)
        worst = max(worst, time.perf_counter() - started)
        choices = sorted(set(np.flatnonzero(mask).tolist()) - ENDS)
        if not choices:
            break
        ids.append(int(rng.choice(choices)))
    assert worst < 2.0


def test_too_much_work_is_said_and_the_next_question_is_answered():
    vocabulary, pattern = new_vocabulary(), "((a{1,100}){1,100}){1,100}"
    with pytest.raises(GrammarTooLarge):
        for n in range(60):
            allowed(vocabulary, "regex", pattern, [97] * n)
    assert allowed(vocabulary, "regex", pattern).mask[97]


def test_our_limits_hold_when_a_grammar_is_read_and_when_it_is_used(monkeypatch):
    with pytest.raises(GrammarTooLarge) as caught:
        check("json_schema", deep_choice_of_types())
    assert "schema too large" in caught.value.reason
    monkeypatch.setitem(constraint.LIMITS, "max_grammar_size", 5)
    with pytest.raises(GrammarTooLarge):
        check("lark", "start: " + " | ".join(f'"{n}" start' for n in range(20)) + ' | "x"')
    monkeypatch.undo()
    monkeypatch.setitem(constraint.LIMITS, "max_lexer_states", 3)
    with pytest.raises(GrammarTooLarge):
        allowed(new_vocabulary(), "regex", "abcdefghijk", ids_of("abcdefg"))


def test_a_matcher_full_of_other_peoples_texts_makes_room(monkeypatch):
    """States gather in a matcher from every text it reads: with a low limit a shared one is full before a new one."""
    monkeypatch.setitem(constraint.LIMITS, "max_lexer_states", 60)
    words = ["".join(letters) for letters in itertools.product("abcd", repeat=4)]
    grammar, vocabulary = json.dumps([word * 3 for word in words]), new_vocabulary()
    for word in words[:40]:
        assert allowed(vocabulary, "choice", grammar, ids_of(word * 2)).mask[ord(word[0])]


def test_a_vocabulary_is_worked_through_once(monkeypatch):
    made: list[Vocabulary] = []
    make = constraint._tokenizer
    monkeypatch.setattr(
        constraint, "_tokenizer", lambda vocabulary: made.append(vocabulary) or make(vocabulary)
    )
    vocabulary = new_vocabulary()
    for grammar in ("a", "b", "a"):
        allowed(vocabulary, "choice", grammar)
    assert made == [vocabulary]


@pytest.mark.parametrize(
    ("kind", "grammar"),
    [
        ("json_schema", '{"type": "integer", "multipleOf": 999983}'),
        ("lark", 'start: "<" %json {"type": "integer", "multipleOf": 999983}'),
    ],
)
def test_a_large_multiple_is_refused_before_it_is_built(kind, grammar):
    with pytest.raises(GrammarTooLarge, match="multipleOf"):
        check(kind, grammar)
    check(kind, grammar.replace("999983", "7"))


def test_a_slow_grammar_keeps_nobody_waiting_and_is_built_once(monkeypatch):
    vocabulary, go_on, started, built = new_vocabulary(), threading.Event(), threading.Event(), []
    make = constraint._Matcher

    def slow(tokenizer, vocabulary, kind, grammar):
        built.append(grammar)
        if grammar == "slow":
            started.set()
            assert go_on.wait(10)
        return make(tokenizer, vocabulary, kind, grammar)

    monkeypatch.setattr(constraint, "_Matcher", slow)
    threads = [threading.Thread(target=allowed, args=(vocabulary, "choice", "slow")) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    quick = threading.Thread(target=allowed, args=(vocabulary, "choice", "quick"), daemon=True)
    quick.start()
    quick.join(5)
    was_waiting = quick.is_alive()
    go_on.set()
    for thread in (*threads, quick):
        thread.join(10)
    assert not was_waiting
    assert sorted(built) == ["quick", "slow"]


def test_every_error_of_a_constraint_is_a_house_error():
    kinds = (
        EmptyGrammar,
        EmptyAlternative,
        RepeatedAlternative,
        GrammarFitsNothing,
        GrammarTooDeep,
        GrammarTooLarge,
    )
    assert all(issubclass(kind, InvalidGrammar) for kind in kinds)
    assert issubclass(InvalidGrammar, HouseError) and issubclass(GrammarRejects, HouseError)
