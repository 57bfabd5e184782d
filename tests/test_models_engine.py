"""The engine contract, run for every engine that is installed."""

import importlib.util
import threading
import time

import numpy as np
import pytest

from models import Evaluation, LoadedModel, Request, load
from models.engine import ScoresText
from models.errors import (
    Cancelled,
    ContextFull,
    EmptyPrompt,
    EngineClosed,
    EngineMissing,
    InvalidContextLength,
    InvalidTokenId,
    NotAModel,
    UnknownEngine,
)
from models.library import embedded_file

SAMPLES = [
    "The capital of France is",
    "La Révolution française commence en 17",
    "日本語 🎉 \x00\x07 end",
    "a\n\n\tb   c",
    "<|im_start|>user",
]


@pytest.fixture(scope="module", params=["toy", pytest.param("llama_cpp", marks=pytest.mark.real)])
def model(request, embedded):
    return load("toy") if request.param == "toy" else embedded


def route_of(model: LoadedModel, token_ids: list[int]) -> Evaluation:
    told: list[Evaluation] = []
    model.engine.next_logits(token_ids, request=Request(on_evaluated=told.append))
    return told[0]


def test_a_row_is_the_callers_own_copy(model):
    ids = model.tokenizer.encode("ab")
    first = model.engine.next_logits(ids)
    assert first.shape == (model.engine.vocab_size,) and first.dtype == np.float32
    kept = first.copy()
    model.engine.next_logits(model.tokenizer.encode("zz"))
    assert np.array_equal(first, kept)
    first[:] = 0
    assert np.array_equal(model.engine.next_logits(ids), kept)


def test_the_same_ids_give_the_same_row_whatever_was_asked_before(model):
    ids = model.tokenizer.encode("Once upon a time, there was a little")
    alone = model.engine.next_logits(ids)
    for other in ("Once upon a hill", "Something else entirely", "Once"):
        model.engine.next_logits(model.tokenizer.encode(other))
        assert np.array_equal(model.engine.next_logits(ids), alone)


def test_growing_token_by_token_equals_asking_at_once(model):
    ids = model.tokenizer.encode("The king sat on his throne. The queen sat on")
    at_once = model.engine.next_logits(ids)
    model.engine.next_logits(model.tokenizer.encode("zz"))
    for n in range(1, len(ids) + 1):
        grown = model.engine.next_logits(ids[:n])
    assert np.array_equal(grown, at_once)


def test_an_edit_in_the_middle_is_a_call_like_any_other(model):
    left = model.tokenizer.encode("one two three four")
    right = model.tokenizer.encode("one two seven four")
    expected = model.engine.next_logits(right)
    model.engine.next_logits(left)
    assert np.array_equal(model.engine.next_logits(right), expected)


def test_interleaved_callers_do_not_disturb_each_other(model):
    texts = [model.tokenizer.encode(t) for t in ("The sun", "A long road goes", "Yes")]
    alone = [model.engine.next_logits(ids) for ids in texts]
    rows: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}

    def ask(i: int) -> None:
        for _ in range(4):
            rows[i].append(model.engine.next_logits(texts[i]))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert all(np.array_equal(row, alone[i]) for i in rows for row in rows[i])
    assert all(len(found) == 4 for found in rows.values())


def test_many_rows_are_the_single_rows_in_order(model):
    texts = [model.tokenizer.encode(t) for t in ("ab", "abc", "b")]
    rows = model.engine.next_logits_many(texts)
    assert all(
        np.array_equal(row, model.engine.next_logits(ids)) for row, ids in zip(rows, texts, strict=True)
    )


def test_all_logits_ends_with_the_next_logits(model):
    assert isinstance(model.engine, ScoresText)
    ids = model.tokenizer.encode("The capital of France is Paris. " * 12)[:130]
    rows = np.concatenate(list(model.engine.all_logits(ids)))
    assert rows.shape == (len(ids), model.engine.vocab_size)
    assert np.array_equal(rows[-1], model.engine.next_logits(ids))
    assert np.array_equal(rows[9], model.engine.next_logits(ids[:10]))


def test_bad_calls_are_named(model):
    with pytest.raises(EmptyPrompt):
        model.engine.next_logits([])
    for bad in (-1, model.engine.vocab_size, 2**40):
        with pytest.raises(InvalidTokenId) as error:
            model.engine.next_logits([97, bad])
        assert error.value.data == {"token_id": bad, "vocab_size": model.engine.vocab_size}
        with pytest.raises(InvalidTokenId):
            model.tokenizer.token_bytes(bad)
    with pytest.raises(ContextFull) as full:
        model.engine.next_logits([97] * (model.engine.context_length + 3))
    assert full.value.data["n_excess"] == 3


def test_a_caller_can_give_up(model):
    gone = threading.Event()
    gone.set()
    with pytest.raises(Cancelled):
        model.engine.next_logits([97, 98], request=Request(cancel=gone))
    with pytest.raises(Cancelled):
        model.engine.next_logits([97, 98], request=Request(deadline=time.monotonic() - 1))
    assert model.engine.next_logits([97, 98]).shape == (model.engine.vocab_size,)


def test_text_to_ids_to_bytes_comes_back_whole(model):
    for text in SAMPLES:
        ids = model.tokenizer.encode(text, add_special=False)
        assert b"".join(model.tokenizer.token_bytes(i) for i in ids) == text.encode()
        assert not set(ids) & model.tokenizer.special_ids


def test_random_text_comes_back_whole(model):
    dice = np.random.default_rng(7)
    for _ in range(50):
        points = [p for p in dice.integers(1, 0x2FFFF, 20) if not 0xD800 <= p < 0xE000]
        text = "".join(map(chr, points))
        ids = model.tokenizer.encode(text, add_special=False)
        assert b"".join(model.tokenizer.token_bytes(i) for i in ids) == text.encode()


def test_control_words_are_control_tokens_only_when_asked(model):
    (control,) = model.tokenizer.encode("<|im_start|>", add_special=False, parse_special=True)
    assert control in model.tokenizer.special_ids
    assert model.tokenizer.token_bytes(control) == b"<|im_start|>"


def test_the_end_tokens_are_special(model):
    assert model.tokenizer.eos_ids and model.tokenizer.eos_ids <= model.tokenizer.special_ids


def test_the_toy_follows_its_rule():
    model = load("toy")
    row = model.engine.next_logits(model.tokenizer.encode("za"))
    assert [float(row[ord(c)]) for c in "abcde"] == [0, 3, 2, 1, 0]


def test_a_closed_engine_says_so():
    model = load("toy")
    model.close()
    with pytest.raises(EngineClosed):
        model.engine.next_logits([1])


@pytest.mark.real
def test_a_closed_native_engine_says_so_and_its_tokenizer_lives_on():
    model = load(context_length=256)
    model.close()
    model.close()
    with pytest.raises(EngineClosed):
        model.engine.next_logits([1])
    assert model.tokenizer.encode("The capital") == [504, 3575]
    assert model.tokenizer.token_bytes(7042) == b" Paris" and model.tokenizer.eos_ids


@pytest.mark.real
def test_a_caller_who_waits_for_another_can_give_up_at_once(embedded):
    busy, gone = threading.Thread(target=embedded.engine.next_logits, args=([260] * 1500,)), threading.Event()
    busy.start()
    time.sleep(0.2)  # the other one must hold the engine before we ask
    threading.Timer(0.1, gone.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        embedded.engine.next_logits([97, 98], request=Request(cancel=gone))
    assert time.monotonic() - started < 1 and busy.is_alive()
    busy.join(timeout=120)


@pytest.mark.real
def test_paris_follows_the_capital_of_france(embedded):
    row = embedded.engine.next_logits(embedded.tokenizer.encode("The capital of France is")).astype(
        np.float64
    )
    probabilities = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    best = int(probabilities.argmax())
    assert embedded.tokenizer.token_bytes(best) == b" Paris"
    assert 0.74 < probabilities[best] < 0.80


@pytest.mark.real
def test_the_route_says_how_a_row_was_computed(embedded):
    ids = embedded.tokenizer.encode("Once upon a time there lived")
    embedded.engine.next_logits(embedded.tokenizer.encode("Other"))
    assert route_of(embedded, ids) == Evaluation("prefill", 0, len(ids))
    assert route_of(embedded, [*ids, 260]) == Evaluation("step", len(ids), 1)
    assert route_of(embedded, ids) == Evaluation("step", len(ids) - 1, 1)  # the last token must run again


@pytest.mark.real
def test_a_long_prompt_is_the_same_however_it_is_cut(embedded):
    """Slices of 2 to 63 tokens agree bit for bit; that is why prompts are cut so."""
    ids = (embedded.tokenizer.encode("The sea was calm and the sky was wide. ") * 30)[:300]
    whole = embedded.engine.next_logits(ids)
    for cut in (2, 65, 129, 190):
        embedded.engine.next_logits(ids[:cut])
        assert np.array_equal(embedded.engine.next_logits(ids), whole)


@pytest.mark.real
def test_memory_that_is_not_there_is_one_sentence_with_numbers():
    from models.errors import NotEnoughMemory

    with pytest.raises(NotEnoughMemory) as error:
        load(context_length=2**27)
    assert error.value.needed_mib > error.value.free_mib > 0


def test_an_unknown_engine_says_which_there_are():
    with pytest.raises(UnknownEngine, match="llama_cpp, transformers, toy"):
        load(engine="vllm")


@pytest.mark.parametrize(
    ("engine", "missing", "extra"),
    [("llama_cpp", "llama_cpp", "llama"), ("transformers", "torch", "transformers")],
)
def test_a_missing_library_says_what_to_type(monkeypatch, engine, missing, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(EngineMissing, match=rf"pip install 'logitbox\[{extra}\]'"):
        load(engine=engine)


@pytest.mark.parametrize("context_length", [0, -5])
def test_a_context_of_nothing_is_refused(context_length):
    with pytest.raises(InvalidContextLength):
        load("toy", context_length=context_length)


def test_the_toy_and_the_files_are_not_mixed_up():
    assert load("toy", context_length=9).engine.context_length == 9
    with pytest.raises(NotAModel, match="toy"):
        load(embedded_file(), engine="toy")
    with pytest.raises(NotAModel, match="toy alone"):
        load("toy", engine="llama_cpp")
