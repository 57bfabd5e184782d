"""Speculative decoding: a draft guesses several tokens, the model judges them all at once.

With p the model's law and q the draft's, both after the same chain, a guess x drawn from q is accepted with
probability min(1, p(x) / q(x)). At the first rejection the model draws a token of its own from what q has left over of
p: max(p - q, 0), brought back to sum 1. When all are accepted it draws one more from p. Every token then follows p:

    q(y) * min(1, p(y) / q(y)) + P(rejection) * residual(y) = min(q(y), p(y)) + max(p(y) - q(y), 0) = p(y)

Source: Leviathan et al. 2023, arXiv 2211.17192; Chen et al. 2023, arXiv 2302.01318.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from models.engine import Logits, Request
from models.errors import Cancelled
from models.loading import LoadedModel
from sandbox.chain import SamplerChain, States
from sandbox.distribution import Distribution
from sandbox.draw import draw, uniform
from sandbox.knob import Knob
from sandbox.known_tokens import check_known_tokens
from sandbox.search.chained_law import ChainedLaw
from sandbox.search.draft import Draft, Proposal
from sandbox.search.hypothesis import FinishReason
from sandbox.settings import SEED
from sandbox.vocabulary import Vocabulary

Origin = Literal["residual", "bonus"]


@dataclass(frozen=True, kw_only=True)
class SpeculativeSettings:
    """draft_tokens: how many guesses per round. seed None: one is thrown at the start and returned.

    Raises KnobOutOfRange.
    """

    draft_tokens: int = 4
    max_tokens: int = 64
    seed: int | None = None

    knobs: ClassVar[dict[str, Knob]] = {
        "draft_tokens": Knob("[1, 32]", is_whole=True),
        "max_tokens": Knob("[1, inf)", is_whole=True),
    }

    def __post_init__(self) -> None:
        for name, knob in self.knobs.items():
            object.__setattr__(self, name, knob.checked(getattr(self, name), sampler="", knob=name))
        if self.seed is not None:
            object.__setattr__(self, "seed", SEED.checked(self.seed, sampler="", knob="seed"))


@dataclass(frozen=True, slots=True)
class Trial:
    """One guess. p, q: its probability under the model and under the draft, after the chain.

    u decides: accepted when u * q < p. u_draft: what the draft drew it with, None for a looked-up guess.
    is_accepted None: never judged, because an earlier guess was rejected or ended the text; then p and u are None too.
    """

    position: int
    token_id: int
    q: float
    u_draft: float | None
    p: float | None = None
    u: float | None = None
    is_accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """One round. token_ids: what it adds to the text, the accepted guesses and then the model's own token.

    own_token_id: drawn with u_own from the `origin`: the residual after a rejection, the model's law ("bonus") after
    none; its probability there is p_own. None, all four, when an accepted guess ended the text.
    """

    position: int
    trials: tuple[Trial, ...]
    token_ids: tuple[int, ...]
    own_token_id: int | None = None
    origin: Origin | None = None
    p_own: float | None = None
    u_own: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The whole text, how many guesses were judged and accepted, and the seed that gives it again."""

    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    n_judged: int
    n_accepted: int
    n_rounds: int
    seed: int

    @property
    def acceptance(self) -> float:
        """The share of judged guesses that were accepted; 0 when none was judged."""
        return self.n_accepted / self.n_judged if self.n_judged else 0.0


def speculative(
    model: LoadedModel,
    token_ids: Sequence[int],
    draft: Draft,
    settings: SpeculativeSettings | None = None,
    *,
    chain: SamplerChain | None = None,
    request: Request | None = None,
    attempt: int = 0,
) -> Generator[Spoken, None, Told]:
    """Draw tokens after `token_ids` as `generate` would, by guessing and judging. Yields rounds, returns Told.

    Raises what the engines and the samplers raise, Cancelled excepted: giving up returns what there is.

    >>> from models.loading import load
    >>> from sandbox.search.draft import ModelDraft
    >>> from sandbox.search.hypothesis import finished
    >>> toy = load("toy")
    >>> settings = SpeculativeSettings(draft_tokens=3, max_tokens=4, seed=7)
    >>> rounds, told = finished(speculative(toy, [97], ModelDraft(toy, toy), settings))
    >>> len(rounds), told.n_accepted, told.acceptance  # its own draft is always right
    (1, 3, 1.0)
    """
    settings, chain = settings or SpeculativeSettings(), chain or SamplerChain()
    check_known_tokens(chain, model.engine.vocab_size)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    vocabulary = Vocabulary.of(model) if chain.needs_vocabulary else None
    talk = _Talk(model, token_ids, settings, ChainedLaw(chain, len(token_ids), seed, attempt, vocabulary))
    rounds: list[Spoken] = []
    while talk.finish_reason is None:
        try:
            rounds.append(talk.round(draft, request or Request()))
        except Cancelled:
            talk.finish_reason = "cancelled"
            break
        yield rounds[-1]
    judged = [trial for each in rounds for trial in each.trials if trial.is_accepted is not None]
    n_accepted = sum(bool(trial.is_accepted) for trial in judged)
    return Told(talk.drawn, talk.finish_reason, len(judged), n_accepted, len(rounds), seed)


def residual(p: Distribution, q: Distribution) -> Distribution:
    """What is left of p where q has taken its share: max(p - q, 0), brought back to sum 1.

    p itself when nothing is left, which only rounding can cause: where p = q nothing is ever rejected.

    >>> p, q = Distribution.from_logits(np.log([0.5, 0.25, 0.25])), Distribution.from_logits(np.log([0.25, 0.25, 0.5]))
    >>> residual(p, q).token_ids.tolist()
    [0]
    """
    taken = np.zeros(1 + max(int(p.token_ids.max()), int(q.token_ids.max())))
    taken[q.token_ids] = q.probs
    left = np.maximum(p.probs - taken[p.token_ids], 0.0)
    if not left.any():
        return p
    with np.errstate(divide="ignore"):  # the logarithm of 0 is the -inf that removes a token
        return p.with_logits(np.log(left))


class _Talk:
    """The text so far and the memory of the chain."""

    def __init__(
        self,
        model: LoadedModel,
        token_ids: Sequence[int],
        settings: SpeculativeSettings,
        chained: ChainedLaw,
    ) -> None:
        self._model, self._settings, self._chained = model, settings, chained
        self._ids = list(token_ids)
        self._states: States = chained.chain.initial_states()
        self.finish_reason: FinishReason | None = None

    @property
    def drawn(self) -> tuple[int, ...]:
        return tuple(self._ids[self._chained.n_prompt :])

    def round(self, draft: Draft, request: Request) -> Spoken:
        n_left = self._settings.max_tokens - len(self.drawn)
        room = self._model.engine.context_length - len(self._ids)
        n = min(self._settings.draft_tokens, n_left - 1, room)
        proposals = draft.propose(self._ids, n, self._chained, self._states, request) if n > 0 else []
        guessed = [proposal.token_id for proposal in proposals]
        sequences = [[*self._ids, *guessed[:i]] for i in range(len(guessed) + 1)]
        rows = self._model.engine.next_logits_many(sequences, request=request)
        spoken = self._spoken(proposals, rows)
        self.finish_reason = self._finish()
        return spoken

    def _spoken(self, proposals: Sequence[Proposal], rows: Sequence[Logits]) -> Spoken:
        start = len(self._ids)
        trials = self._judge(proposals, rows)
        unjudged = [
            Trial(start + i, proposals[i].token_id, _q(proposals[i]), proposals[i].u)
            for i in range(len(trials), len(proposals))
        ]
        spoken = Spoken(start, (*trials, *unjudged), tuple(self._ids[start:]))
        if self._has_ended(since=start):
            return spoken
        laws = self._laws(rows[len(self._ids) - start])
        is_rejected = len(self._ids) - start < len(trials)
        law = residual(laws[-1], proposals[len(trials) - 1].law) if is_rejected else laws[-1]
        u = uniform(self._chained.seed, len(self._ids), self._chained.attempt)
        token_id = draw(law, u)
        self._append(token_id, laws)
        return replace(
            spoken,
            token_ids=tuple(self._ids[start:]),
            own_token_id=token_id,
            origin="residual" if is_rejected else "bonus",
            p_own=law.prob_of(token_id),
            u_own=u,
        )

    def _judge(self, proposals: Sequence[Proposal], rows: Sequence[Logits]) -> list[Trial]:
        """Accept guesses until one is rejected or ends the text; the accepted ones are now part of it."""
        start, trials = len(self._ids), list[Trial]()
        for proposal, row in zip(proposals, rows[:-1], strict=True):
            laws = self._laws(row)
            trials.append(self._tried(proposal, laws[-1]))
            if not trials[-1].is_accepted:
                break
            self._append(proposal.token_id, laws)
            if self._has_ended(since=start):
                break
        return trials

    def _tried(self, proposal: Proposal, p: Distribution) -> Trial:
        position, (token_id, _, u_draft) = len(self._ids), proposal
        u = uniform(self._chained.seed, position, self._chained.attempt, "speculative")
        prob, q = p.prob_of(token_id), _q(proposal)
        return Trial(position, token_id, q, u_draft, prob, u, u * q < prob)

    def _laws(self, row: Logits) -> list[Distribution]:
        return self._chained.laws(row, tuple(self._ids), self._states)

    def _append(self, token_id: int, laws: Sequence[Distribution]) -> None:
        self._states = self._chained.chain.next_states(self._states, laws, token_id)
        self._ids.append(token_id)

    def _has_ended(self, *, since: int) -> bool:
        return any(token_id in self._model.tokenizer.eos_ids for token_id in self._ids[since:])

    def _finish(self) -> FinishReason | None:
        if self._has_ended(since=self._chained.n_prompt):
            return "stop"
        if len(self.drawn) >= self._settings.max_tokens:
            return "length"
        return "context_full" if len(self._ids) > self._model.engine.context_length else None


def _q(proposal: Proposal) -> float:
    return proposal.law.prob_of(proposal.token_id)
