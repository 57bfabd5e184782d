"""The loaded models, who may use them when, and the rows of logits they have already given.

A front end asks for steps by token ids; the same ids ask the model once. Knows nothing of pages or the network.
"""

from __future__ import annotations

import hashlib
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.engine import Evaluation, Logits, Request, Route
from models.errors import ContextFull, HouseError, UnknownModel
from models.loading import LoadedModel
from sandbox.chain import Context, SamplerChain, States
from sandbox.draw import uniform
from sandbox.errors import ModelNotLoaded, ModelNotReady, StepNotFound
from sandbox.outcome import Outcome, run_chain
from sandbox.sampler import OtherLaw
from sandbox.vocabulary import Vocabulary

ROWS_LIMIT_BYTES = 64 * 1024 * 1024  # about 340 rows of 49,152 float32
Status = Literal["loading", "ready", "failed"]


@dataclass(frozen=True)
class Row:
    """One row of logits, (vocab_size,) float32, and the route that produced it."""

    logits: Logits
    route: Route


@dataclass(frozen=True)
class StepResult:
    """What a step says about itself; the logits stay in the store under `step_id`.

    us: one uniform number per attempt asked for; u is the first. n_model_calls: 0 when the row was stored.
    """

    step_id: str
    u: float
    us: tuple[float, ...]
    route: Route
    n_vocab: int
    elapsed_ms: float
    context_used: int
    n_model_calls: int


def step_id_of(model_id: str, token_ids: Sequence[int]) -> str:
    """The name of a row: the same model and ids give the same name, in any process.

    >>> step_id_of("toy", [1, 2]) == step_id_of("toy", (1, 2)) != step_id_of("toy", [1, 2, 3])
    True
    """
    digest = hashlib.sha256(model_id.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(array("q", token_ids).tobytes())
    return digest.hexdigest()[:32]


class RowStore:
    """Rows by step id; the least recently used leave when `limit_bytes` is reached. Thread-safe."""

    def __init__(self, limit_bytes: int = ROWS_LIMIT_BYTES) -> None:
        self._limit_bytes, self._n_bytes = limit_bytes, 0
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, step_id: str) -> Row | None:
        with self._lock:
            if step_id in self._rows:
                self._rows.move_to_end(step_id)
            return self._rows.get(step_id)

    def put(self, step_id: str, row: Row) -> None:
        with self._lock:
            old = self._rows.pop(step_id, None)
            self._n_bytes += row.logits.nbytes - (old.logits.nbytes if old else 0)
            self._rows[step_id] = row
            # the newest row always stays, or a row larger than the limit could never be fetched
            while self._n_bytes > self._limit_bytes and len(self._rows) > 1:
                self._n_bytes -= self._rows.popitem(last=False)[1].logits.nbytes


class Workbench:
    """Models by id. The default one may still be loading in the background while others answer.

    default_id: the name shown until the default model is loaded; afterwards the loaded model's own id.
    """

    def __init__(self, loader: Callable[[], LoadedModel], *, rows: RowStore | None = None) -> None:
        self._loader, self._rows = loader, rows or RowStore()
        self._models: dict[str, LoadedModel] = {}
        self._vocabularies: dict[str, Vocabulary] = {}
        self._lock, self._settled = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.default_id: str | None = None
        self.error: HouseError | None = None

    def start(self) -> None:
        """Load the default model in a background thread; the first call counts, later ones do nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="load-model", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float | None = None) -> Status:
        """Wait until the default model is ready or has failed."""
        self._settled.wait(timeout_s)
        return self.status

    @property
    def status(self) -> Status:
        if not self._settled.is_set():
            return "loading"
        return "failed" if self.error else "ready"

    def add(self, model: LoadedModel) -> None:
        self.vocabulary_of(model)
        with self._lock:
            self._models[model.spec.id] = model

    def models(self) -> list[LoadedModel]:
        with self._lock:
            return list(self._models.values())

    def model(self, model_id: str) -> LoadedModel:
        """Raises UnknownModel, ModelNotReady while the default is loading, or what its loading raised."""
        with self._lock:
            found = self._models.get(model_id)
        if found is not None:
            return found
        if self.status == "loading":
            raise ModelNotReady
        if self.error is not None:
            raise self.error.with_traceback(None)  # one object for all callers would gather all their frames
        raise UnknownModel(model_id, [model.spec.id for model in self.models()])

    def step(
        self,
        model_id: str,
        token_ids: Sequence[int],
        *,
        seed: int,
        attempt: int = 0,
        n_draws: int = 1,
        request: Request | None = None,
    ) -> StepResult:
        """The law after `token_ids` and the dice for `n_draws` attempts; asks the model only for new ids.

        Raises what the engine raises (EmptyPrompt, InvalidTokenId, ContextFull, Cancelled, ...), UnknownModel.
        """
        model, step_id = self.model(model_id), self.step_id(model_id, token_ids)
        started, row, n_model_calls = time.perf_counter(), self._rows.get(step_id), 0
        if row is None:
            row, n_model_calls = self._evaluate(model, token_ids, request or Request()), 1
            self._rows.put(step_id, row)
        us = tuple(uniform(seed, len(token_ids), attempt + i) for i in range(n_draws))
        return StepResult(
            step_id=step_id,
            u=us[0],
            us=us,
            route=row.route,
            n_vocab=len(row.logits),
            elapsed_ms=(time.perf_counter() - started) * 1000,
            context_used=len(token_ids),
            n_model_calls=n_model_calls,
        )

    def chain(
        self,
        model_id: str,
        token_ids: Sequence[int],
        steps: Iterable[Mapping[str, object]] | SamplerChain,
        *,
        prompt_len: int | None = None,
        seed: int = 0,
        attempt: int = 0,
        states: States = None,
        others: Mapping[OtherLaw, str] | None = None,
    ) -> Outcome:
        """What a chain makes of the stored row after `token_ids`. Never asks the model.

        prompt_len: how many of the ids are the prompt; without it all of them. others: step ids of stored rows.
        Raises StepNotFound when a row is not in the store, UnknownModel, ContextFull, and what `run_chain` raises.
        """
        row = self._stored(self.step_id(model_id, token_ids))
        context = Context(
            tuple(token_ids),
            len(token_ids) if prompt_len is None else prompt_len,
            len(token_ids),
            seed,
            attempt,
            self.vocabulary(model_id),
            {name: self._stored(step_id).logits for name, step_id in (others or {}).items()},
        )
        return run_chain(row.logits, steps, context=context, states=states)

    def step_id(self, model_id: str, token_ids: Sequence[int]) -> str:
        """The name under which the row after these ids is stored. Raises UnknownModel, ContextFull."""
        model = self.model(model_id)
        # before hashing: a million ids should not cost a million steps to refuse
        if len(token_ids) > model.engine.context_length:
            raise ContextFull(len(token_ids), model.engine.context_length)
        return step_id_of(model_id, token_ids)

    def row(self, step_id: str) -> Row | None:
        """A stored row, or None when it was never computed or has been evicted."""
        return self._rows.get(step_id)

    def _stored(self, step_id: str) -> Row:
        row = self._rows.get(step_id)
        if row is None:
            raise StepNotFound(step_id)
        return row

    def vocabulary(self, model_id: str) -> Vocabulary:
        return self.vocabulary_of(self.model(model_id))

    def vocabulary_of(self, model: LoadedModel) -> Vocabulary:
        """Built once per model: 49,152 calls into the tokenizer."""
        known = self._vocabularies.get(model.spec.id)
        if known is None:
            known = Vocabulary.of(model)
            self._vocabularies[model.spec.id] = known
        return known

    def close(self) -> None:
        for model in self.models():
            model.close()

    def _load(self) -> None:
        try:
            model = self._loader()
            self.add(model)
            self.default_id = model.spec.id
        except HouseError as error:
            self.error = error
        # the thread is the outermost caller: whatever it is, the page must learn of it
        except Exception as error:
            self.error = ModelNotLoaded(f"{type(error).__name__}: {error}")
        finally:
            self._settled.set()

    def _evaluate(self, model: LoadedModel, token_ids: Sequence[int], request: Request) -> Row:
        reports: list[Evaluation] = []
        told = request.on_evaluated

        def listen(evaluation: Evaluation) -> None:
            reports.append(evaluation)
            if told is not None:
                told(evaluation)

        logits = model.engine.next_logits(token_ids, request=replace(request, on_evaluated=listen))
        return Row(logits, reports[-1].route if reports else "prefill")
