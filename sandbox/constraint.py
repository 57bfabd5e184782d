"""Which tokens a grammar allows next. The only file that imports llguidance, and only when a grammar is used.

A token is allowed when the text so far and its bytes together begin some text of the grammar; an end token, exactly
when the text so far is one. Nothing else decides: where only one continuation is left, every way of cutting it into
tokens stays allowed (llguidance would choose one; `no_forcing` tells it not to), because the shown law is the model's
own over whatever the grammar leaves.

How an answer is found:
1. the kinds are one language: all become a Lark grammar, llguidance's own notation;
2. per vocabulary and grammar a matcher is kept, with the token ids it has read;
3. it is rolled back to where those and the asked ids part, and reads the rest: a step further costs one token;
4. special tokens are taken out, unless a Lark grammar names them; end tokens are put in when the text is complete.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from models.text import check_text
from sandbox.errors import (
    EmptyAlternative,
    EmptyGrammar,
    GrammarFitsNothing,
    GrammarRejects,
    GrammarTooLarge,
    InvalidGrammar,
    RepeatedAlternative,
)
from sandbox.json_schema import check_embedded, read_schema
from sandbox.vocabulary import Vocabulary

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

KINDS = ("choice", "json_schema", "regex", "lark")

# JSON allows any blanks between its parts, and a small model may draw nothing else for ever.
MAX_BLANKS = 16

MAX_MATCHERS = 8  # per vocabulary; the least recently used one goes

# Work, not time: the same grammar is refused on every machine. The defaults of llguidance, but for the number of
# lexer states: at 2 kB each, its 250,000 would be 500 MB per grammar. They do not bound `multipleOf`: 9,999,991 took
# over 70 s, so json_schema.py refuses large ones.
LIMITS: dict[str, Any] = {
    "max_items_in_row": 2_000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 50_000,
    "max_lexer_states": 10_000,
    "max_grammar_size": 500_000,
    "verbose_errors": False,
}
_LIMIT_WORDS = ("too large", "too complex", "too many", "too big", "limit", "fuel", "; max is", "exceed")


class Allowed(NamedTuple):
    """mask: (vocab_size,) bool, by token id, read-only. is_complete: the text so far is one of the grammar's."""

    mask: NDArray[np.bool_]
    is_complete: bool


def check(kind: str, grammar: str) -> None:
    """Read a constraint without a model, and keep nothing but that it was read.

    Raises EmptyGrammar, EmptyAlternative, RepeatedAlternative, GrammarTooDeep, GrammarTooLarge, InvalidGrammar,
    InvalidText.
    """
    _lark(kind, grammar)


def allowed(vocabulary: Vocabulary, kind: str, grammar: str, token_ids: Sequence[int] = ()) -> Allowed:
    """What may follow `token_ids`, the tokens drawn after the prompt: a pure function of its arguments.

    The first question about a vocabulary takes 0.1 s at 49,152 tokens, another one well below 1 ms. Raises what
    `check` raises, GrammarFitsNothing, GrammarRejects where the tokens themselves do not fit, GrammarTooLarge.
    """
    ids = [int(i) for i in token_ids]
    matcher = _matcher(vocabulary, kind, grammar)
    try:
        return matcher.allowed(ids)
    except GrammarTooLarge:
        # a matcher collects states from every text it has read; a fresh one may have room for this one
        return _matcher(vocabulary, kind, grammar).allowed(ids)


def is_complete(vocabulary: Vocabulary, kind: str, grammar: str, token_ids: Sequence[int]) -> bool:
    """The tokens spell a whole text of the grammar; an end token behind it changes nothing. Raises like `allowed`."""
    return allowed(vocabulary, kind, grammar, token_ids).is_complete


def alternatives(text: str) -> tuple[str, ...]:
    """The answers of a choice: one per line, blanks around them left out, or a JSON list of texts, taken as they are.

    Raises EmptyGrammar, EmptyAlternative, RepeatedAlternative, InvalidGrammar for a list of something else.

    >>> alternatives("yes\\n no "), alternatives('["yes", " no"]')
    (('yes', 'no'), ('yes', ' no'))
    """
    if not text.strip():
        raise EmptyGrammar("choice")
    answers = _json_list(text)
    if answers is None:
        answers = [line.strip() for line in text.rstrip().split("\n")]
    if not answers:
        raise EmptyGrammar("choice")
    seen = set[str]()
    for at, answer in enumerate(answers):
        if not isinstance(answer, str):
            raise InvalidGrammar("choice", f"{json.dumps(answer)[:40]} is no text in quotes")
        if not answer:
            raise EmptyAlternative(at + 1)
        if answer in seen:
            raise RepeatedAlternative(answer, at + 1)
        seen.add(answer)
    return tuple(answers)


def _json_list(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


@functools.lru_cache(maxsize=64)
def _lark(kind: str, grammar: str) -> str:
    """The constraint in llguidance's notation, checked. Errors are not kept; a check takes about 1 ms."""
    from llguidance import LLMatcher

    source = _source(kind, grammar) + '\n%llguidance {"no_forcing": true}'
    if problem := LLMatcher.validate_grammar(source, limits=_limits()):
        raise _unreadable(kind, problem)
    return source


def _source(kind: str, grammar: str) -> str:
    if not grammar.strip():
        raise EmptyGrammar(kind)
    check_text(grammar)
    if kind == "choice":
        answers = " | ".join(map(json.dumps, alternatives(grammar)))
        return f'start: ANSWER\nANSWER: " "? ({answers})'
    if kind == "json_schema":
        return f"start: %json {json.dumps(_with_few_blanks(read_schema(grammar)))}"
    if kind == "regex":
        return f"start: /{_slashed(grammar)}/"
    check_embedded(grammar)
    return grammar


def _with_few_blanks(schema: dict[str, Any]) -> dict[str, Any]:
    """At most MAX_BLANKS blanks in a row between the parts, unless the schema says itself how it is written."""
    options = schema.get("x-guidance", {})
    if not isinstance(options, dict) or "whitespace_flexible" in options:
        return schema
    blanks = {"whitespace_pattern": rf"[\x20\x0A\x0D\x09]{{1,{MAX_BLANKS}}}"}
    return {**schema, "x-guidance": {**blanks, **options}}


def _slashed(pattern: str) -> str:
    r"""A regular expression between slashes. \d is 0 to 9, as most who write it mean; \w has accented letters too."""
    from llguidance import regex_to_lark

    if re.search(r"(?<!\\)(\\\\)*\\\Z", pattern):  # llguidance would leave it out
        raise InvalidGrammar("regex", "it ends in the middle of an escape: \\")
    return regex_to_lark(pattern, use_ascii="d")


def _limits() -> Any:
    from llguidance import LLParserLimits

    return LLParserLimits(**LIMITS)


def _unreadable(kind: str, problem: str) -> InvalidGrammar:
    """The library's reason on one line; where it is only for a Lark grammar, whose lines are the person's own."""
    where = re.match(r"(?:at )?(\d+)\((\d+)\): ", problem)
    reason = problem[where.end() :] if where else problem
    reason = re.sub(r"^failed to (compile JSON schema|parse \"%json\"): ", "", reason)
    # below a drawing of the regular expression
    if named := re.search(r"^error: (.+)$", reason, re.MULTILINE):
        reason = named[1]
    reason = reason.partition(" (in regex): ")[2] or reason
    reason = reason.partition("\n")[0][:200]
    if any(words in reason for words in _LIMIT_WORDS):
        return GrammarTooLarge(kind, reason)
    if kind == "lark" and where:
        reason = f"{reason} (line {where[1]}, column {where[2]})"
    return InvalidGrammar(kind, reason)


class _Matcher:
    """One grammar on one vocabulary, and the tokens it has read."""

    def __init__(self, tokenizer: LLTokenizer, vocabulary: Vocabulary, kind: str, grammar: str) -> None:
        from llguidance import LLMatcher

        source = _lark(kind, grammar)
        self._kind, self._n_tokens = kind, len(vocabulary)
        self._matcher: LLMatcher = LLMatcher(tokenizer, source, log_level=0, limits=_limits())
        self._read: list[int] = []
        self._lock = threading.Lock()
        self._answer: Allowed | None = None  # after self._read
        self._eos = np.array(sorted(vocabulary.eos_ids), dtype=np.intp)
        specials = vocabulary.special_ids | vocabulary.eos_ids
        unnamed = specials - (_named(vocabulary, specials, grammar) if kind == "lark" else set())
        self._never = np.array(sorted(unnamed), dtype=np.intp)
        # those that the matcher must not see, for it may have stopped before
        self._ends = unnamed & vocabulary.eos_ids
        self.is_broken = False
        self._raise_if_broken()

    def allowed(self, token_ids: list[int]) -> Allowed:
        n_text = next((i for i, each in enumerate(token_ids) if each in self._ends), len(token_ids))
        answer = self._after(token_ids[:n_text], len(token_ids))
        if n_text == len(token_ids):
            return answer
        n_fit = n_text + answer.is_complete
        if n_fit < len(token_ids):  # an end too early, or something behind it
            raise GrammarRejects(self._kind, n_fit, len(token_ids))
        return Allowed(self._mask(np.zeros(self._n_tokens, dtype=np.bool_), is_complete=True), True)

    def _after(self, token_ids: list[int], n_generated: int) -> Allowed:
        with self._lock:
            if self._answer is None or token_ids != self._read:
                self._answer = None
                self._go_to(token_ids, n_generated)
                self._answer = self._ask()
            return self._answer

    def _go_to(self, token_ids: list[int], n_generated: int) -> None:
        n_common = _n_common(self._read, token_ids)
        if n_common < len(self._read):
            self._matcher.rollback(len(self._read) - n_common)
            del self._read[n_common:]
        rest = token_ids[n_common:]
        # an unknown id would break the matcher, and nothing unbreaks one
        n_known = next((i for i, each in enumerate(rest) if not 0 <= each < self._n_tokens), len(rest))
        n_read = self._matcher.try_consume_tokens(rest[:n_known])
        self._raise_if_broken()
        self._read += rest[:n_read]
        if n_read < len(rest):
            raise GrammarRejects(self._kind, len(self._read), n_generated)

    def _ask(self) -> Allowed:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._raise_if_broken()
        mask = np.unpackbits(bits, count=self._n_tokens, bitorder="little").view(np.bool_)
        is_complete = self._matcher.is_accepting()
        if not is_complete and not self._read and self._matcher.is_stopped():
            raise GrammarFitsNothing(self._kind)
        return Allowed(self._mask(mask, is_complete=is_complete), is_complete)

    def _mask(self, mask: NDArray[np.bool_], *, is_complete: bool) -> NDArray[np.bool_]:
        """What the grammar says about text, with our rule for the tokens that are none."""
        mask[self._never] = False
        if is_complete:
            mask[self._eos] = True
        mask.flags.writeable = False
        return mask

    def _raise_if_broken(self) -> None:
        """What went wrong stays wrong: the next question gets a new matcher."""
        reason = self._matcher.get_error().partition("\n")[0]
        self.is_broken = bool(reason)
        # NoExtensionBias: no token leads on from here, and nothing is allowed
        if reason and reason != "NoExtensionBias":
            raise GrammarTooLarge(self._kind, reason[:200])


def _n_common(a: list[int], b: list[int]) -> int:
    if b[: len(a)] == a:
        return len(a)
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _named(vocabulary: Vocabulary, special_ids: frozenset[int], lark: str) -> frozenset[int]:
    """The special tokens that a Lark grammar speaks of: <|im_start|> by name, <[1]> by number (then any may be)."""
    if "<[" in lark:
        return special_ids
    names = {i: vocabulary.token_bytes[i].decode(errors="replace") for i in special_ids}
    return frozenset(i for i, name in names.items() if name and name in lark)


# --- what is kept -----------------------------------------------------------------------------------------------


class _Turn:
    """A lock that a weak dictionary can hold."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_lock = threading.Lock()  # for the three below; nothing slow happens under it
_tokenizers: WeakKeyDictionary[Vocabulary, LLTokenizer] = WeakKeyDictionary()
_matchers: WeakKeyDictionary[Vocabulary, OrderedDict[tuple[str, str], _Matcher]] = WeakKeyDictionary()
# one lock for each thing that is being made, so that nobody waits for another's; kept by those who hold it
_turns: WeakValueDictionary[tuple[int, str, str], _Turn] = WeakValueDictionary()


def _matcher(vocabulary: Vocabulary, kind: str, grammar: str) -> _Matcher:
    turn = _turn(vocabulary, kind, grammar)
    with turn.lock:
        with _lock:
            kept = _matchers.setdefault(vocabulary, OrderedDict())
            if (kind, grammar) in kept and not kept[kind, grammar].is_broken:
                kept.move_to_end((kind, grammar))
                return kept[kind, grammar]
        made = _Matcher(_tokenizer_of(vocabulary), vocabulary, kind, grammar)
        with _lock:
            kept[kind, grammar] = made
            kept.move_to_end((kind, grammar))
            if len(kept) > MAX_MATCHERS:
                kept.popitem(last=False)
        return made


def _tokenizer_of(vocabulary: Vocabulary) -> LLTokenizer:
    turn = _turn(vocabulary)
    with turn.lock:
        with _lock:
            known = _tokenizers.get(vocabulary)
        made = known or _tokenizer(vocabulary)
        with _lock:
            return _tokenizers.setdefault(vocabulary, made)


def _turn(vocabulary: Vocabulary, kind: str = "", grammar: str = "") -> _Turn:
    with _lock:
        return _turns.setdefault((id(vocabulary), kind, grammar), _Turn())


class _Tokens:
    """A vocabulary as llguidance reads one: bytes, and which tokens are no text."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        # a model without an end token gets one that is in no mask, for llguidance insists
        end = [] if vocabulary.eos_ids else [len(vocabulary)]
        self.tokens = [*vocabulary.token_bytes, *(b"<end>" for _ in end)]
        self.special_token_ids = [*sorted(vocabulary.special_ids | vocabulary.eos_ids), *end]
        self.eos_ids = sorted(vocabulary.eos_ids) or end
        self.eos_token_id = self.eos_ids[0]

    def __call__(self, text: bytes) -> list[int]:
        """Asked only where a grammar forces a text, which `no_forcing` rules out."""
        return []


def _tokenizer(vocabulary: Vocabulary) -> LLTokenizer:
    from llguidance import LLTokenizer, TokenizerWrapper

    tokens = _Tokens(vocabulary)
    return LLTokenizer(TokenizerWrapper(tokens), eos_token=tokens.eos_ids)
