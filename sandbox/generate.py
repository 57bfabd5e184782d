"""generate(): one token after the other, each recorded."""

from __future__ import annotations

import dataclasses
import inspect
import secrets
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple

from models.engine import Evaluation, Logits, Request, Route
from models.errors import Cancelled, ContextFull
from models.loading import LoadedModel
from sandbox.chain import N_TOP, SamplerChain
from sandbox.dice import dice_for
from sandbox.distribution import Distribution
from sandbox.known_tokens import check_known_tokens
from sandbox.sampler import Context, OtherLaw
from sandbox.samplers.grammar import Grammar
from sandbox.settings import DEFAULT_GENERATE, SamplingSettings
from sandbox.step import SamplingStep, Survivors
from sandbox.stopping import StopStrings
from sandbox.text import TextStream, text_of
from sandbox.trace import FinishReason, ModelFile, Trace
from sandbox.vocabulary import Vocabulary


class OtherPrompt(NamedTuple):
    """A second law: what `model` says after these tokens and the same continuation."""

    model: LoadedModel
    prompt_ids: Sequence[int]


def generate(
    model: LoadedModel,
    token_ids: Sequence[int],
    settings: SamplingSettings = DEFAULT_GENERATE,
    *,
    chain: SamplerChain | None = None,
    request: Request | None = None,
    prompt: str | None = None,
    attempt: int = 0,
    others: Mapping[OtherLaw, OtherPrompt] | None = None,
) -> Generation:
    """Draw tokens after `token_ids` until something ends the text; nothing runs before the first one is asked for.

    chain: instead of the one the settings stand for. prompt: the text behind token_ids, for the trace. attempt: another
    number gives other draws from the same seed ("once more"). others: for a sampler between two laws, where the second
    one comes from: {"unconditional": OtherPrompt(model, ids)} for cfg, "amateur" for contrastive.
    Raises InvalidTokenId for a chain that names no token of this model.
    Each step raises what `Engine.next_logits` and the samplers raise, Cancelled excepted: giving up is a way to end.

    >>> from models.catalog import ModelSpec
    >>> from models.engines.toy import ToyEngine, ToyTokenizer
    >>> model = LoadedModel(ModelSpec(id="toy", title="Toy"), ToyEngine(), ToyTokenizer())
    >>> generation = generate(model, [97], SamplingSettings(temperature=0, max_tokens=3))
    >>> [step.text for step in generation], generation.trace.finish_reason
    (['b', 'c', 'd'], 'length')
    """
    return Generation(
        model,
        token_ids,
        settings,
        chain=chain,
        request=request,
        prompt=prompt,
        attempt=attempt,
        others=others or {},
    )


class Generation(Generator[SamplingStep, None, Trace]):
    """A generator of steps that keeps what it has done.

    `trace` is there at any time: while it runs, after the end (then it is also the generator's return value),
    after `close()` or Ctrl-C (finish_reason "cancelled"), after an error (finish_reason None). Nothing drawn is lost.
    `close()` sets `request.cancel`, so that another thread may call it in the middle of a step.
    """

    def __init__(
        self,
        model: LoadedModel,
        token_ids: Sequence[int],
        settings: SamplingSettings,
        *,
        chain: SamplerChain | None,
        request: Request | None,
        prompt: str | None,
        attempt: int,
        others: Mapping[OtherLaw, OtherPrompt],
    ) -> None:
        self.request = request or Request()
        self.chain = settings.chain() if chain is None else chain
        check_known_tokens(self.chain, model.engine.vocab_size)
        self.seed = secrets.randbelow(2**32 - 1) if settings.seed is None else settings.seed
        self.settings = dataclasses.replace(settings, seed=self.seed)
        self._model, self._prompt_ids, self._ids = model, tuple(token_ids), list(token_ids)
        self._prompt, self._attempt, self._others = prompt, attempt, others
        self._created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._steps: list[SamplingStep] = []
        self._finish_reason: FinishReason | None = None
        self._stream, self._stops = TextStream(), StopStrings(settings.stop)
        self._route: Route = "step"
        self._states = self.chain.initial_states()
        self._vocabulary = Vocabulary.of(model) if self.chain.needs_vocabulary else None
        self._dice = dice_for(settings.rng, self.seed, attempt)
        self._inner = self._run()

    @property
    def trace(self) -> Trace:
        """What has happened so far."""
        elapsed_ms = [step.elapsed_ms for step in self._steps]
        prompt_bytes = b"".join(map(self._model.tokenizer.token_bytes, self._prompt_ids))
        return Trace(
            model=ModelFile(self._model.spec.id, self._model.sha256()),
            engine=self._model.engine.name,
            prompt=text_of(prompt_bytes) if self._prompt is None else self._prompt,
            prompt_token_ids=self._prompt_ids,
            settings=self.settings.to_flat(),
            samplers=tuple(self.chain.to_steps()),
            seed=self.seed,
            steps=tuple(self._steps),
            finish_reason=self._finish_reason,
            prefill_ms=sum(elapsed_ms[:1]),
            decode_ms=sum(elapsed_ms[1:]),
            created_at=self._created_at,
        )

    @property
    def is_complete(self) -> bool | None:
        """What was drawn is a whole answer under the chain's grammar; None where the chain has none."""
        grammars = [sampler for sampler in self.chain.samplers if isinstance(sampler, Grammar)]
        context = Context(self._ids, len(self._prompt_ids), len(self._ids), vocabulary=self._vocabulary)
        return all(grammar.is_complete(context) for grammar in grammars) if grammars else None

    def send(self, value: None, /) -> SamplingStep:
        return self._inner.send(value)

    def throw(  # type: ignore[override]  # typeshed lists every old form of throw; this is the one that remains
        self, error: BaseException, value: object = None, traceback: TracebackType | None = None, /
    ) -> SamplingStep:
        return self._inner.throw(error)

    def close(self) -> None:
        """End it here. The trace stays, and what an error has ended is not called cancelled."""
        state = inspect.getgeneratorstate(self._inner)
        if self._finish_reason is None and state != inspect.GEN_CLOSED:
            self._finish_reason = "cancelled"
            self.request.cancel.set()
        if state != inspect.GEN_RUNNING:
            self._inner.close()

    def _run(self) -> Generator[SamplingStep, None, Trace]:
        request = dataclasses.replace(self.request, on_evaluated=self._on_evaluated)
        while self._finish_reason is None:
            started = time.perf_counter()
            try:
                others = self._other_logits(request)
                row = self._model.engine.next_logits(self._ids, request=request)
                step = self._step(Distribution.from_logits(row), others, started)
            except Cancelled:
                self._finish_reason = "cancelled"
                break
            except KeyboardInterrupt:  # another way to give up, and one that everybody above must hear of
                self._finish_reason = "cancelled"
                raise
            except ContextFull:
                if not self._steps:
                    raise
                self._finish_reason = "context_full"
                break
            self._steps.append(step)
            self._ids.append(step.token_id)
            yield step
        return self.trace

    def _other_logits(self, request: Request) -> dict[OtherLaw, Logits]:
        """The rows that a sampler between two laws compares with, after the same continuation. Before the model's own
        row, so that the step's route is told last."""
        drawn = self._ids[len(self._prompt_ids) :]
        return {
            name: other.model.engine.next_logits([*other.prompt_ids, *drawn], request=request)
            for name, other in self._others.items()
        }

    def _step(self, dist: Distribution, others: Mapping[OtherLaw, Logits], started: float) -> SamplingStep:
        position = len(self._ids)
        context = Context(
            self._ids, len(self._prompt_ids), position, self.seed, self._attempt, self._vocabulary, others
        )
        states = self._states
        chain = self._dice.ready(self.chain)
        laws = chain.laws(dist, context, states)
        stages, final = chain.stages(laws, context, states), laws[-1]
        token_id, u = self._dice.throw(chain, laws, context)
        self._states = self.chain.next_states(states, laws, token_id)
        survivors = Survivors.of(final)
        token_bytes = self._model.tokenizer.token_bytes(token_id)
        ids, probs = dist.leading(N_TOP)
        return SamplingStep(
            position=position,
            token_id=token_id,
            token_bytes=token_bytes,
            text=self._take_in(token_id, token_bytes),
            logprob=dist.logprob_of(token_id),
            rank=dist.rank_of(token_id) or 0,
            entropy_bits=dist.entropy_bits,
            final_logprob=final.logprob_of(token_id),
            u=u,
            attempt=self._attempt,
            route=self._route,
            survivors=survivors,
            stages=stages,
            top=tuple(zip(ids.tolist(), probs.tolist(), strict=True)),
            elapsed_ms=(time.perf_counter() - started) * 1000,
            sampler_state=None if states is None else {"before": states, "after": self._states},
        )

    def _take_in(self, token_id: int, token_bytes: bytes) -> str:
        """Give the text that is certain with this token; note whether it is the last one."""
        is_special = token_id in self._model.tokenizer.special_ids
        text = self._stops.feed("" if is_special else self._stream.feed(token_bytes))
        self._finish_reason = self._finish(token_id)
        if self._finish_reason:
            text += self._stops.feed(self._stream.flush()) + self._stops.flush()
        return text

    def _finish(self, token_id: int) -> FinishReason | None:
        if token_id in self._model.tokenizer.eos_ids or self._stops.is_met:
            return "stop"
        if self.settings.max_tokens is not None and len(self._steps) + 1 >= self.settings.max_tokens:
            return "length"
        return "context_full" if len(self._ids) >= self._model.engine.context_length else None

    def _on_evaluated(self, evaluation: Evaluation) -> None:
        self._route = evaluation.route
        self.request.report(evaluation)
