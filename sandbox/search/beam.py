"""Beam search: the B most likely beginnings side by side, instead of the single one that greedy bets on.

The rules are those of transformers' beam search; the sums are float64 and equals have an order:

1. each running hypothesis is continued by every token: sum of log-probabilities, log-softmax in float64;
2. the best (1 + number of end tokens) * B continuations are weighed, at least 2 B: so that B of them can go on even
   when all the best ones end. Order: sum downwards, rank of the parent, token id;
3. an end token among the first B finishes its hypothesis: score = sum / length**length_penalty, the end token counted;
   further down it does not count;
4. the best B that did not end go on;
5. stop when no running hypothesis can beat the worst of B finished ones (see `early_stopping`), or at max_tokens,
   where those among the first B are finished as they are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from models.engine import Request
from models.errors import Cancelled
from models.loading import LoadedModel
from sandbox.distribution import Distribution
from sandbox.errors import InvalidKnob
from sandbox.knob import Knob
from sandbox.search.hypothesis import FinishReason, Found, Hypothesis, Search, SearchStep

EarlyStopping = Literal["never"] | bool
Penalties = Mapping[int, float]  # token id -> what its hypotheses lose where they are compared

NO_PENALTIES: Penalties = {}


@dataclass(frozen=True, kw_only=True)
class BeamSettings:
    """How wide and how far. beams 1 is greedy.

    length_penalty: above 0 favours long answers (sums of logarithms are negative), 0 is the raw sum, below 0 favours
    short ones. early_stopping True: stop when B hypotheses have finished; False: when the best running one, were it to
    finish at its present length, would not beat the worst of them; "never": when it could not at any length.
    max_tokens: of one hypothesis. Raises KnobOutOfRange, InvalidKnob.

    >>> BeamSettings(beams=0)
    Traceback (most recent call last):
    sandbox.errors.KnobOutOfRange: beams = 0 is outside {1, 2, ..., 64}; choose a value inside
    """

    beams: int = 4
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    max_tokens: int = 64

    knobs: ClassVar[dict[str, Knob]] = {
        "beams": Knob("[1, 64]", is_whole=True),  # each is a row of logits and a model call per token
        "length_penalty": Knob("[-10, 10]"),
        "max_tokens": Knob("[1, inf)", is_whole=True),
    }

    def __post_init__(self) -> None:
        for name, knob in self.knobs.items():
            checked = knob.checked(getattr(self, name), sampler="", knob=name)
            object.__setattr__(self, name, checked)  # frozen, but 4.0 from JSON is the same setting as 4
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise InvalidKnob("", "early_stopping", self.early_stopping, "true, false or never")

    def final_score(self, sum_logprob: float, n_tokens: int) -> float:
        """
        >>> BeamSettings(length_penalty=2.0).final_score(-8.0, 4)
        -0.5
        """
        return sum_logprob / math.pow(n_tokens, self.length_penalty)


def beam(
    model: LoadedModel,
    token_ids: Sequence[int],
    settings: BeamSettings | None = None,
    *,
    request: Request | None = None,
) -> Search:
    """Search for likely continuations of `token_ids`. Yields one SearchStep per position, returns Found.

    Raises what `Engine.next_logits_many` raises, Cancelled excepted: giving up returns what there is.

    >>> from models.loading import load
    >>> from sandbox.search.hypothesis import finished
    >>> steps, found = finished(beam(load("toy"), [97], BeamSettings(beams=2, max_tokens=2)))
    >>> [hypothesis.token_ids for hypothesis in found.hypotheses]
    [(98, 99), (98, 100)]
    """
    settings, request = settings or BeamSettings(), request or Request()
    group = Beams(settings, model, len(token_ids))
    while group.reason is None:
        try:
            laws = laws_after(model, token_ids, group.running, request)
        except Cancelled:
            return Found((*group.finished, *group.running), "cancelled")
        yield group.advance(laws)
    return Found(group.finished, group.reason)


def laws_after(
    model: LoadedModel, token_ids: Sequence[int], running: Sequence[Hypothesis], request: Request
) -> list[Distribution]:
    """The model's law after each hypothesis, asked for in one call."""
    rows = model.engine.next_logits_many([[*token_ids, *h.token_ids] for h in running], request=request)
    return [Distribution.from_logits(row) for row in rows]


class Beams:
    """One group of B hypotheses: which run, which have finished, and why it ended (`reason`)."""

    def __init__(self, settings: BeamSettings, model: LoadedModel, n_prompt: int, *, index: int = 0) -> None:
        self._settings, self._index, self._n_prompt = settings, index, n_prompt
        self._eos_ids = model.tokenizer.eos_ids
        self._n_weighed = max(2, 1 + len(self._eos_ids)) * settings.beams
        room = model.engine.context_length - n_prompt + 1  # the last token needs no place: nothing follows it
        self._n_most = min(settings.max_tokens, room)
        self._end: FinishReason = "length" if settings.max_tokens <= room else "context_full"
        self.running: tuple[Hypothesis, ...] = (Hypothesis(group=index),)
        self.finished: tuple[Hypothesis, ...] = ()
        self.reason: FinishReason | None = None
        self.n_tokens = 0

    def advance(self, laws: Sequence[Distribution], penalties: Penalties = NO_PENALTIES) -> SearchStep:
        """One token more. laws: one per running hypothesis."""
        n_beams = self._settings.beams
        candidates = self._weighed(laws, penalties)
        self.n_tokens += 1
        is_last = self.n_tokens >= self._n_most
        ended, running, pruned = list[Hypothesis](), list[Hypothesis](), list[Hypothesis]()
        for rank, candidate in enumerate(candidates):
            is_end = candidate.token_ids[-1] in self._eos_ids
            if (is_end or is_last) and rank < n_beams:
                ended.append(self._ended(candidate, "stop" if is_end else self._end))
            elif not is_end and not is_last and len(running) < n_beams:
                running.append(candidate)
            else:
                pruned.append(candidate)
        ended.sort(key=_by_score)
        self.finished = tuple(sorted([*self.finished, *ended], key=_by_score)[:n_beams])
        self.running = tuple(running)
        self.reason = self._reason(is_last=is_last)
        position = self._n_prompt + self.n_tokens - 1
        return SearchStep(
            position, tuple(candidates), self.running, tuple(ended), tuple(pruned), self.finished
        )

    def _weighed(self, laws: Sequence[Distribution], penalties: Penalties) -> list[Hypothesis]:
        """The best continuations of all running hypotheses, best first."""
        found = []
        for rank, (parent, law) in enumerate(zip(self.running, laws, strict=True)):
            likely = law.top(self._n_weighed + len(penalties))
            log_whole = likely[0].logit + math.log(law.total)
            for token_id, logit, _ in likely:
                sum_logprob = parent.sum_logprob + (logit - log_whole)
                found.append((penalties.get(token_id, 0.0) - sum_logprob, rank, token_id, sum_logprob))
        return [
            Hypothesis((*self.running[rank].token_ids, token_id), sum_logprob, -badness, rank, self._index)
            for badness, rank, token_id, sum_logprob in sorted(found)[: self._n_weighed]
        ]

    def _ended(self, hypothesis: Hypothesis, reason: FinishReason) -> Hypothesis:
        score = self._settings.final_score(hypothesis.sum_logprob, len(hypothesis.token_ids))
        return dataclasses.replace(hypothesis, score=score, finish_reason=reason)

    def _reason(self, *, is_last: bool) -> FinishReason | None:
        if is_last:
            return self._end
        if not self.running:  # every token possible here ends the text
            return "stop"
        if len(self.finished) < self._settings.beams:
            return None
        return "stop" if self._settings.early_stopping is True or not self._can_improve() else None

    def _can_improve(self) -> bool:
        """Whether the best running sum, at the length that suits it best, beats the worst finished score."""
        best, penalty = max(h.sum_logprob for h in self.running), self._settings.length_penalty
        is_patient = self._settings.early_stopping == "never" and penalty > 0
        n_tokens = self._n_most if is_patient else self.n_tokens
        return self._settings.final_score(best, n_tokens) > self.finished[-1].score


def _by_score(hypothesis: Hypothesis) -> tuple[float, tuple[int, ...]]:
    return -hypothesis.score, hypothesis.token_ids
