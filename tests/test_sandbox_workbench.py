"""The workbench: one model call per text, a bounded store, and an honest state while loading."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Sequence

import numpy as np
import pytest

from models import LoadedModel, ModelSpec, Request
from models.engine import Logits
from models.engines.toy import CHAT_TEMPLATE, ToyEngine, ToyTokenizer
from models.errors import Cancelled, ContextFull, EmptyPrompt, NotAModel, UnknownModel
from sandbox.draw import uniform
from sandbox.errors import ModelNotLoaded, ModelNotReady
from sandbox.workbench import Row, RowStore, Workbench, step_id_of


class CountingEngine(ToyEngine):
    n_calls = 0

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        self.n_calls += 1
        return super().next_logits(token_ids, request=request)


def toy(engine: ToyEngine | None = None) -> LoadedModel:
    return LoadedModel(ModelSpec(id="toy", title="Toy"), engine or ToyEngine(), ToyTokenizer(), CHAT_TEMPLATE)


def ready(engine: ToyEngine | None = None, *, rows: RowStore | None = None) -> Workbench:
    workbench = Workbench(lambda: toy(engine), rows=rows)
    workbench.start()
    assert workbench.wait(10) == "ready"
    return workbench


def test_the_same_ids_ask_the_model_once_whatever_the_dice():
    engine = CountingEngine()
    workbench = ready(engine)
    first = workbench.step("toy", [97, 98], seed=1)
    again = workbench.step("toy", [97, 98], seed=2, attempt=5, n_draws=10)
    assert (first.n_model_calls, again.n_model_calls, engine.n_calls) == (1, 0, 1)
    assert first.step_id == again.step_id


def test_undo_costs_no_model_call():
    engine = CountingEngine()
    workbench = ready(engine)
    for token_ids in ([97], [97, 98], [97]):
        workbench.step("toy", token_ids, seed=1)
    assert engine.n_calls == 2


def test_u_belongs_to_the_seed_the_position_and_the_attempt():
    result = ready().step("toy", [97, 98, 99], seed=7, attempt=4, n_draws=3)
    assert result.us == tuple(uniform(7, 3, attempt) for attempt in (4, 5, 6))
    assert result.u == result.us[0]


def test_a_step_says_where_its_row_came_from():
    workbench = ready()
    prefill, step = workbench.step("toy", [97, 98], seed=1), workbench.step("toy", [97], seed=1)
    assert (prefill.route, step.route) == ("prefill", "step")
    assert (prefill.n_vocab, prefill.context_used) == (260, 2)
    row = workbench.row(prefill.step_id)
    assert row is not None and row.logits[99] == 3.0  # after "b" the toy's rule gives "c" 3


def test_the_caller_still_hears_how_its_row_was_computed():
    heard: list[object] = []
    ready().step("toy", [97], seed=1, request=Request(on_evaluated=heard.append))
    assert len(heard) == 1


def test_the_store_drops_the_row_longest_unused():
    store = RowStore(limit_bytes=2 * 40)
    rows = {name: Row(np.zeros(10, dtype=np.float32), "step") for name in "abc"}
    store.put("a", rows["a"])
    store.put("b", rows["b"])
    store.get("a")
    store.put("c", rows["c"])
    assert [name for name in "abc" if store.get(name)] == ["a", "c"]


def test_the_store_counts_a_replaced_row_once_and_keeps_one_that_is_too_large():
    store = RowStore(limit_bytes=40)
    for _ in range(3):
        store.put("a", Row(np.zeros(10, dtype=np.float32), "step"))
    store.put("large", Row(np.zeros(100, dtype=np.float32), "step"))
    assert store.get("a") is None and store.get("large") is not None


def test_step_ids_tell_models_and_ids_apart():
    names = {step_id_of(model, ids) for model in ("a", "b") for ids in ([], [1], [1, 2], [2, 1], [12])}
    assert len(names) == 10


def test_a_model_that_is_still_loading_says_so():
    may_load = threading.Event()

    def slow() -> LoadedModel:
        may_load.wait(10)
        return toy()

    workbench = Workbench(slow)
    workbench.start()
    with pytest.raises(ModelNotReady):
        workbench.step("toy", [97], seed=1)
    assert (workbench.status, workbench.models(), workbench.default_id) == ("loading", [], None)
    may_load.set()
    assert (workbench.wait(10), workbench.default_id) == ("ready", "toy")


def test_a_model_that_cannot_load_tells_every_caller_why():
    def broken() -> LoadedModel:
        raise NotAModel("x.gguf", "there is no such file")

    workbench = Workbench(broken)
    workbench.start()
    assert workbench.wait(10) == "failed"
    with pytest.raises(NotAModel):
        workbench.model("toy")


def test_a_loader_that_crashes_leaves_a_sentence_and_no_dead_thread():
    def crash() -> LoadedModel:
        raise ZeroDivisionError("by nothing")

    workbench = Workbench(crash)
    workbench.start()
    assert workbench.wait(10) == "failed"
    assert isinstance(workbench.error, ModelNotLoaded) and "engine" not in str(workbench.error)
    assert "ZeroDivisionError" in str(workbench.error)


def test_an_error_told_to_many_does_not_grow():
    def broken() -> LoadedModel:
        raise NotAModel("x.gguf", "there is no such file")

    workbench, n_frames = Workbench(broken), []
    workbench.start()
    workbench.wait(10)
    for _ in range(3):
        with pytest.raises(NotAModel) as caught:
            workbench.model("toy")
        n_frames.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert n_frames == [2, 2, 2]  # this test and `model`


def test_bad_requests_are_refused_before_the_engine_is_asked():
    engine = CountingEngine(context_length=8)
    workbench = ready(engine)
    with pytest.raises(UnknownModel):
        workbench.step("nobody", [97], seed=1)
    with pytest.raises(ContextFull):
        workbench.step("toy", [97] * 9, seed=1)
    assert engine.n_calls == 0
    with pytest.raises(EmptyPrompt):
        workbench.step("toy", [], seed=1)


def test_a_cancelled_step_stores_nothing():
    workbench, request = ready(), Request()
    request.cancel.set()
    with pytest.raises(Cancelled):
        workbench.step("toy", [97], seed=1, request=request)
    assert workbench.row(step_id_of("toy", [97])) is None


def test_the_vocabulary_is_the_tokenizers_bytes_in_id_order():
    vocabulary = ready().vocabulary("toy")
    assert vocabulary.token_bytes[97] == b"a" and len(vocabulary.token_bytes) == 260
    assert vocabulary.eos_ids == {257, 259} and vocabulary.special_ids == {256, 257, 258, 259}


def test_many_threads_share_one_workbench():
    workbench = ready()
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(workbench.step("toy", [97, 98], seed=1).step_id))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16 and len(set(results)) == 1
