"""Grammar: only what keeps the text inside a set of allowed texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sandbox.constraint import KINDS, Allowed, allowed, check
from sandbox.distribution import Distribution
from sandbox.errors import NeedsVocabulary
from sandbox.knob import AnyKnob, Text
from sandbox.sampler import Context, Family, Worked, check_knobs


@dataclass(frozen=True)
class Grammar:
    """Keep the tokens with which the text after the prompt can still become one that the grammar describes.

    kind choice: the answer is exactly one of the lines (or of a JSON list), with one optional space before it, since
    many models begin their answer with one. json_schema: a JSON text of that schema, at most 16 blanks in a row.
    regex: the whole answer fits it; \\d is 0 to 9. lark: a grammar in llguidance's dialect of Lark.
    An end token stays exactly when the text is complete. Put it first, so that the later stages share out
    what is allowed; its removed mass is what the model would have liked to say and may not. Engines that draw first and
    check afterwards (llama.cpp) draw from another law than this one. There is no neutral value.

    Raises what `sandbox.constraint.check` raises, on making; on applying NeedsVocabulary, GrammarRejects where the
    text so far does not fit, NothingToDraw where an earlier stage removed all that is allowed, GrammarTooLarge.

    Source: Willard and Louf 2023, arXiv 2307.09702; llguidance does the work.

    >>> from sandbox.vocabulary import Vocabulary
    >>> letters = Vocabulary((b"a", b"b", b"ab", b"<end>"), frozenset({3}), frozenset({3}))
    >>> dist = Distribution.from_logits([0.0, 0.0, 0.0, 0.0])
    >>> grammar = Grammar(kind="choice", grammar="a\\nab")
    >>> grammar.apply(dist, Context((), vocabulary=letters)).token_ids.tolist()
    [0, 2]
    >>> grammar.apply(dist, Context((0,), vocabulary=letters)).token_ids.tolist()
    [1, 3]
    """

    kind: str
    grammar: str

    name: ClassVar[str] = "grammar"
    knobs: ClassVar[Mapping[str, AnyKnob]] = {"kind": Text(choices=KINDS), "grammar": Text()}
    family: ClassVar[Family] = "constrain"
    in_browser: ClassVar[bool] = False
    formula: ClassVar[str] = "1[t ∈ G] = 1"
    needs_vocabulary: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_knobs(self)
        check(self.kind, self.grammar)

    def apply(self, dist: Distribution, context: Context) -> Distribution:
        mask = self._allowed(context).mask
        # ids beyond the vocabulary, in a row wider than it, meet the False at the end
        return dist.keep(np.append(mask, False).take(dist.token_ids, mode="clip"))

    def is_complete(self, context: Context) -> bool:
        """The text after the prompt is a whole one. One cut off by max_tokens is not."""
        return self._allowed(context).is_complete

    def details(self, dist: Distribution, context: Context) -> dict[str, Any]:
        """is_complete: the text so far is a whole one. n_allowed, n_forbidden: of the whole vocabulary, whatever the
        earlier stages left of it."""
        mask, is_complete = self._allowed(context)
        n_allowed = int(np.count_nonzero(mask))
        return {"is_complete": is_complete, "n_allowed": n_allowed, "n_forbidden": len(mask) - n_allowed}

    def worked(self, token_id: int, dist: Distribution, after: Distribution, context: Context) -> Worked:
        return Worked("1[t ∈ G] = {allowed}", {"allowed": int(after.position_of(token_id) is not None)})

    def _allowed(self, context: Context) -> Allowed:
        if context.vocabulary is None:
            raise NeedsVocabulary(self.name, "grammar")
        generated = context.history[context.prompt_len :]
        return allowed(context.vocabulary, self.kind, self.grammar, generated)
