"""Trace: saved, loaded and redrawn without the model."""

from __future__ import annotations

import dataclasses
import json
import os
import threading

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engines.toy import ToyEngine, ToyTokenizer
from models.loading import LoadedModel
from sandbox.errors import NeedsLogits, TraceUnreadable, TraceUnwritable
from sandbox.generate import generate
from sandbox.settings import DEFAULT_GENERATE, NEUTRAL, SamplingSettings
from sandbox.step import Survivors
from sandbox.trace import SCHEMA, Trace


def traced(settings, *, vocab_size=260, token_ids=(97,)):
    extra = [b"x"] * (vocab_size - 260)
    model = LoadedModel(
        ModelSpec(id="toy", title="Toy", sha256="0f" * 32),
        ToyEngine(vocab_size=vocab_size),
        ToyTokenizer(extra),
    )
    generation = generate(model, token_ids, settings, prompt="a « é » 日")
    for _ in generation:
        pass
    return generation.trace


def edited(trace, at, u):
    steps = list(trace.steps)
    steps[at] = dataclasses.replace(steps[at], u=u)
    return dataclasses.replace(trace, steps=tuple(steps))


@pytest.fixture(params=["neutral", "default", "greedy"])
def trace(request):
    settings = {"neutral": NEUTRAL, "default": DEFAULT_GENERATE, "greedy": SamplingSettings(temperature=0)}
    return traced(settings[request.param].updated(seed=7, max_tokens=40, stop=("\n\n",)))


def test_a_trace_survives_json_bit_for_bit(trace):
    again = Trace.from_json(trace.to_json())
    assert again == trace
    for before, after in zip(trace.steps, again.steps, strict=True):
        assert before.survivors.probs.tobytes() == after.survivors.probs.tobytes()
    assert again.to_json() == trace.to_json()


def test_a_saved_trace_is_loaded_again(trace, tmp_path):
    path = tmp_path / "trace « é ».json"
    trace.save(path)
    assert Trace.load(path) == trace
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_redraw_without_the_model_gives_the_same_tokens(trace):
    assert Trace.from_json(trace.to_json()).redraw() == trace.token_ids


@pytest.mark.real
def test_a_trace_of_the_embedded_model_is_redrawn_from_its_file(embedded, tmp_path):
    token_ids = embedded.tokenizer.encode("Once upon a time, there was a little")
    for settings in (DEFAULT_GENERATE, NEUTRAL.updated(temperature=0.7)):
        generation = generate(embedded, token_ids, settings.updated(seed=7, max_tokens=24))
        list(generation)
        generation.trace.save(tmp_path / "trace.json")
        for step in Trace.load(tmp_path / "trace.json").steps:
            if step.u < step.survivors.probs.sum() - 1e-12:
                assert step.redraw() == step.token_id


def test_a_redraw_differs_where_one_u_is_edited():
    trace = traced(NEUTRAL.updated(seed=7, max_tokens=10))
    u = trace.steps[4].u
    redrawn = edited(trace, 4, u - 0.5 if u > 0.5 else u + 0.5).redraw()
    assert [i for i in range(10) if redrawn[i] != trace.token_ids[i]] == [4]


def test_a_law_wider_than_a_thousand_is_redrawn_within_its_recorded_part_only():
    trace = traced(NEUTRAL.updated(seed=7, max_tokens=60), vocab_size=3000)
    step = trace.steps[0]
    assert step.needs_logits
    assert (len(step.survivors.token_ids), step.survivors.n_total) == (1000, 3000)
    recorded = step.survivors.probs.sum()
    outcomes = set()
    for each in trace.steps:
        if each.u < recorded - 1e-12:
            assert each.redraw() == each.token_id
        else:
            with pytest.raises(NeedsLogits) as caught:
                each.redraw()
            assert (caught.value.n_recorded, caught.value.n_total, caught.value.u) == (1000, 3000, each.u)
        outcomes.add(each.u < recorded)
    assert outcomes == {True, False}


def test_a_law_of_at_most_a_thousand_is_recorded_whole():
    for vocab_size, needs_logits in ((1000, False), (1001, True)):
        trace = traced(NEUTRAL.updated(seed=7, max_tokens=1), vocab_size=vocab_size)
        assert trace.steps[0].needs_logits is needs_logits
        assert len(trace.steps[0].survivors.probs) == 1000


def test_the_largest_u_is_redrawn_from_a_whole_record():
    tenths = Survivors(np.arange(10), np.array([0.1] * 10), 10)
    assert tenths.draw(1 - 2**-53) == 9


def test_the_json_names_what_the_house_names(trace):
    fields = json.loads(trace.to_json())
    assert fields["schema"] == SCHEMA
    assert set(fields) == {
        *("schema", "model", "engine", "prompt", "prompt_token_ids", "settings", "samplers", "seed", "steps"),
        *("finish_reason", "prefill_ms", "decode_ms", "created_at"),
    }
    assert fields["model"] == {"id": "toy", "sha256": "0f" * 32}
    assert set(fields["steps"][0]) >= {
        *("position", "token_id", "token_bytes", "logprob", "rank", "final_logprob", "u", "attempt", "route"),
        *("survivors", "needs_logits", "sampler_state", "stages", "top", "elapsed_ms"),
    }
    assert fields["steps"][0]["token_bytes"] == list(trace.steps[0].token_bytes)


def broken(change):
    fields = json.loads(traced(NEUTRAL.updated(seed=7, max_tokens=2)).to_json())
    change(fields)
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it does not say logitbox.trace/1"),
        ('"text"', "it does not say logitbox.trace/1"),
        ('{"schema": "logitbox.trace/99"}', "it does not say logitbox.trace/1"),
        ("{}", "it does not say logitbox.trace/1"),
        (broken(lambda f: f.pop("seed")), "the field seed is missing"),
        (broken(lambda f: f["steps"][0].pop("u")), "the field u is missing"),
        (broken(lambda f: f["steps"][0]["survivors"].pop("probs")), "the field probs is missing"),
        (broken(lambda f: f["steps"][0].update(u=1.0)), "one of its fields is of another kind"),
        (broken(lambda f: f["steps"][0].update(u=float("nan"))), "it holds NaN"),
        (broken(lambda f: f["steps"][0].update(token_bytes=[300])), "one of its fields is of another kind"),
        (broken(lambda f: f.update(steps=None)), "one of its fields is of another kind"),
        (broken(lambda f: f["steps"][0].update(text=5)), "one of its fields is of another kind"),
        (broken(lambda f: f["steps"][0].update(token_bytes=10**12)), "one of its fields is of another kind"),
        (
            broken(lambda f: f["steps"][0]["survivors"]["token_ids"].__setitem__(0, 2**70)),
            "one of its fields is of another kind",
        ),
        (
            broken(lambda f: f["steps"][0]["survivors"]["token_ids"].pop()),
            "one of its fields is of another kind",
        ),
        (
            broken(lambda f: f["steps"][0]["survivors"].update(token_ids=[], probs=[])),
            "one of its fields is of another kind",
        ),
        (
            broken(lambda f: f["steps"][0]["survivors"].update(n_total=260)).replace(
                '"n_total": 260', '"n_total": 1e999'
            ),
            "one of its fields is of another kind",
        ),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_reason(text, reason, tmp_path):
    path = tmp_path / "trace.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TraceUnreadable) as caught:
        Trace.load(path)
    assert caught.value.path == str(path)
    assert reason in caught.value.reason


def test_a_field_of_a_later_version_is_passed_over():
    text = broken(lambda f: (f.update(mood="calm"), f["steps"][0].update(mood="calm")))
    assert len(Trace.from_json(text).steps) == 2


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(TraceUnreadable):
            Trace.load(path)


def test_a_save_that_fails_leaves_the_old_file_and_no_litter(trace, tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("old")

    def full_disk(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(TraceUnwritable, match="No space left on device"):
        trace.save(path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there_is_one_clear_sentence(trace, tmp_path):
    with pytest.raises(TraceUnwritable) as caught:
        trace.save(tmp_path / "nowhere" / "trace.json")
    assert caught.value.data["path"].endswith("trace.json")


def test_a_saved_trace_has_the_mode_of_any_new_file(trace, tmp_path):
    (tmp_path / "plain").write_text("x")
    trace.save(tmp_path / "trace.json")
    assert (tmp_path / "trace.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_half_a_character_in_the_prompt_does_not_lose_the_trace(trace, tmp_path):
    odd = dataclasses.replace(trace, prompt="é\ud800")
    odd.save(tmp_path / "trace.json")
    assert Trace.load(tmp_path / "trace.json") == odd


@pytest.mark.skipif(os.name == "nt", reason="Windows lets ordinary accounts make no links")
def test_a_link_stays_a_link_and_what_it_names_is_replaced(trace, tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "trace.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    trace.save(link)
    assert link.is_symlink() and Trace.load(target) == trace


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_a_pipe_is_written_into_and_not_replaced(trace, tmp_path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text("utf-8")), daemon=True)
    reader.start()
    trace.save(pipe)
    reader.join(10)
    assert pipe.is_fifo() and Trace.from_json(heard[0]) == trace
