"""transformers reads the same file, gives nearly the same law, and runs nothing from a folder."""

import json
import pickle
import threading

import numpy as np
import pytest

from models import Evaluation, Request, load, loading
from models.errors import Cancelled, ContextFull, DamagedModel, EngineClosed, EngineFailed, NotAModel

pytest.importorskip(
    "torch", reason="torch is not installed; `pip install 'logitbox[transformers]'` brings it"
)
pytestmark = pytest.mark.real

PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a little",
    "La Révolution française commence en 17",
    "日本語 🎉 text\n\n  x = 1",
]


@pytest.fixture(scope="module")
def dequantised():
    """The embedded GGUF file where llama.cpp is not installed; about 20 s."""
    with pytest.MonkeyPatch.context() as without:
        without.setattr(loading, "_is_installed", lambda engine: engine == "transformers")
        return load(context_length=512)


def law(row):
    weights = np.exp(row.astype(np.float64) - row.max())
    return weights / weights.sum()


def test_both_engines_cut_text_alike(embedded, dequantised):
    for text in [*PROMPTS, "<|im_start|>user\n", "a\u202eb\x00"]:
        for parse_special in (False, True):
            assert dequantised.tokenizer.encode(
                text, parse_special=parse_special
            ) == embedded.tokenizer.encode(text, parse_special=parse_special)


def test_both_engines_know_the_same_tokens(embedded, dequantised):
    left, right = embedded.tokenizer, dequantised.tokenizer
    assert all(left.token_bytes(i) == right.token_bytes(i) for i in range(embedded.engine.vocab_size))
    assert left.special_ids == right.special_ids and right.eos_ids <= left.special_ids
    assert dequantised.chat_template == embedded.chat_template and embedded.chat_template


def test_the_two_laws_are_close(embedded, dequantised):
    """llama.cpp quantises activations, transformers does not: KL 0.001 to 0.004 on these, up to 0.03 on flat laws."""
    for text in PROMPTS:
        ids = embedded.tokenizer.encode(text)
        p, q = law(embedded.engine.next_logits(ids)), law(dequantised.engine.next_logits(ids))
        assert p.argmax() == q.argmax()
        assert float((p * np.log(p / q)).sum()) < 0.02


def test_the_cache_is_a_secret(dequantised):
    """The same ids by another route differ by float32 rounding only."""
    engine, encode = dequantised.engine, dequantised.tokenizer.encode
    ids = encode("The king sat on his throne. The queen sat on")
    at_once = engine.next_logits(ids)
    for other in ("The king sat down", "Else"):
        engine.next_logits(encode(other))
        assert np.abs(engine.next_logits(ids) - at_once).max() < 1e-3
    told: list[Evaluation] = []
    engine.next_logits([*ids, 260], request=Request(on_evaluated=told.append))
    assert told == [Evaluation("step", len(ids), 1)]


def test_all_rows_of_a_text(dequantised):
    ids = dequantised.tokenizer.encode("one two three four five " * 20)[:90]
    rows = np.concatenate(list(dequantised.engine.all_logits(ids)))
    assert rows.shape == (90, dequantised.engine.vocab_size)
    assert np.abs(rows[-1] - dequantised.engine.next_logits(ids)).max() < 1e-3


def test_bad_calls_are_named(dequantised):
    gone = threading.Event()
    gone.set()
    with pytest.raises(Cancelled):
        dequantised.engine.next_logits([1, 2], request=Request(cancel=gone))
    with pytest.raises(ContextFull):
        dequantised.engine.next_logits([1] * 513)


def tiny_folder(path, **config):
    """A two-layer Llama with random weights and the smallest tokenizer, as a folder of safetensors."""
    import tokenizers
    import transformers

    vocabulary = {chr(97 + i): i for i in range(26)} | {"<end>": 26}
    pieces = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token="<end>")
    fast.save_pretrained(path)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    settings = transformers.LlamaConfig(vocab_size=27, max_position_embeddings=64, eos_token_id=26, **shape)
    transformers.LlamaForCausalLM(settings).save_pretrained(path, safe_serialization=True)
    written = json.loads((path / "config.json").read_text("utf-8")) | config
    (path / "config.json").write_text(json.dumps(written), "utf-8")
    return path


def test_a_folder_of_safetensors_answers(tmp_path):
    model = load(tiny_folder(tmp_path))
    ids = model.tokenizer.encode("abc")
    assert ids == [0, 1, 2] and model.engine.next_logits(ids).shape == (27,)
    assert (model.engine.name, model.spec.engine, model.is_slower_fallback) == (
        "transformers",
        "transformers",
        False,
    )
    assert model.engine.context_length == 64 and 26 in model.tokenizer.eos_ids
    model.close()
    with pytest.raises(EngineClosed):
        model.engine.next_logits(ids)


def test_a_folder_cannot_ask_to_run_its_code(tmp_path):
    tiny_folder(tmp_path, auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(DamagedModel, match="run code"):
        load(tmp_path)


def test_pickled_weights_are_never_opened(tmp_path):
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(NotAModel, match="safetensors"):
        load(tmp_path)


def test_truncated_weights_are_one_sentence(tmp_path):
    tiny_folder(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DamagedModel):
        load(tmp_path)


def test_without_the_binding_the_same_file_runs_and_is_labelled_slower(dequantised):
    assert (dequantised.engine.name, dequantised.is_slower_fallback) == ("transformers", True)


@pytest.mark.parametrize("config", ["{", "[1]", ""])
def test_an_unreadable_config_is_one_sentence(tmp_path, config):
    (tiny_folder(tmp_path) / "config.json").write_text(config, "utf-8")
    with pytest.raises(DamagedModel, match="config"):
        load(tmp_path)


def test_a_sliding_window_forgets_and_starts_again(tmp_path):
    """Its cache cannot be cut back, so an edit is answered from the start instead of with an error."""
    model = load(
        tiny_folder(tmp_path, architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=8)
    )
    long = list(range(20))
    alone = model.engine.next_logits([*long[:15], 3])
    model.engine.next_logits(long)
    assert np.abs(model.engine.next_logits([*long[:15], 3]) - alone).max() < 1e-4


def test_an_error_in_the_middle_leaves_no_half_filled_cache(tmp_path, monkeypatch):
    model = load(tiny_folder(tmp_path))
    ids = model.tokenizer.encode("abcdef")
    expected = model.engine.next_logits(ids)
    network = model.engine._model.model.layers[1]
    forward = network.forward

    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(network, "forward", fail)
    with pytest.raises(EngineFailed, match="out of memory"):
        model.engine.next_logits([*ids, 7, 8])
    monkeypatch.setattr(network, "forward", forward)
    assert np.abs(model.engine.next_logits(ids) - expected).max() < 1e-5


def test_scoring_with_a_closed_engine_says_so(tmp_path):
    model = load(tiny_folder(tmp_path))
    model.close()
    with pytest.raises(EngineClosed):
        list(model.engine.all_logits([1, 2]))
