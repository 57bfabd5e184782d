"""Our samplers of history, memory and two laws beside llama.cpp's C code and transformers' classes, on the same rows.

Both compute in float32. A difference that is meant has its row in docs/deviations.md and its name here: `EDGE` counts
the rows that are left out because a token stands within float32's rounding of a cut. `-s` shows how many were compared.
"""

from __future__ import annotations

import ctypes
import math
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.outcome import run_chain
from sandbox.sampler import Context
from sandbox.samplers.adaptive_p import AdaptiveP
from sandbox.samplers.mirostat_v1 import MirostatV1
from sandbox.samplers.mirostat_v2 import MirostatV2
from sandbox.vocabulary import Vocabulary
from tests.in_c import InC

pytestmark = pytest.mark.real

INF = float("inf")
SIZES = (1, 2, 50, 1000, 49_152, 151_936)
COMPARED: Counter[str] = Counter()
EDGE: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def told():
    yield
    for name, n in sorted(COMPARED.items()):
        print(f"\n{name}: {n} rows compared, {EDGE[name]} at an edge", end="")


def rows(sizes=SIZES, *, holes=True):
    for size in sizes:
        rng = np.random.default_rng(size)
        normal = (rng.standard_normal(size) * 3).astype(np.float32)
        yield normal
        yield (-1.1 * np.log(rng.permutation(size) + 3)).astype(np.float32) + 9  # like language
        yield np.clip(rng.standard_cauchy(size) * 3, -1e3, 1e3).astype(np.float32)
        yield np.round(normal)  # tied
        if holes:
            empty = np.where(rng.random(size) < 0.4, np.float32(-INF), normal)
            empty[rng.integers(size)] = 1.0
            yield empty.astype(np.float32)


def histories(size, n=4):
    """Repetitive ones, over few tokens and over many."""
    rng = np.random.default_rng(size + 1)
    for i in range(n):
        few = rng.integers(0, size, 1 + i)
        yield [int(t) for t in rng.choice(few, 5 * 10**i % 200)] + [int(t) for t in rng.integers(0, size, i)]


# -- llama.cpp --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lib(embedded):  # the engine has started the library, and made it quiet
    import llama_cpp

    return llama_cpp


def check_logits(name, ours: Distribution, theirs):
    ids, logits = theirs[:2]
    by_id = np.argsort(ours.token_ids)
    assert np.array_equal(ours.token_ids[by_id], ids)
    np.testing.assert_allclose(ours.logits[by_id], logits, rtol=2e-6, atol=2e-5)
    COMPARED[name] += 1


def after(step, row, history=(), **more):
    return run_chain(row, [step], context=Context(tuple(history), 0, len(history), **more)).distribution


@pytest.mark.parametrize("last_n", [64, 3, 0])
def test_penalties_are_those_of_llama_cpp(lib, last_n):
    knobs = [(1.3, 0.0, 0.0), (1.0, 0.4, -0.2), (0.8, -0.5, 1.5)]
    for repeat, frequency, presence in knobs:
        step = {
            "sampler": "penalties",
            "repeat": repeat,
            "frequency": frequency,
            "presence": presence,
            "last_n": last_n,
        }
        for row in rows(SIZES if last_n == 64 else SIZES[:4]):
            for history in histories(len(row)):
                sampler = lib.llama_sampler_init_penalties(len(row), last_n, repeat, frequency, presence)
                theirs = InC(lib, sampler).accept(history).apply(row)
                check_logits("penalties", after(step, row, history), theirs)
                lib.llama_sampler_free(sampler)


def test_biases_are_those_of_llama_cpp(lib):
    for row in rows():
        size = len(row)
        bias = {i % size: b for i, b in ((0, 2.5), (7, -30.0), (size - 1, 0.0), (size // 2, -INF))}
        if size == 1 or not np.isfinite(np.delete(row, [i for i, b in bias.items() if b == -INF])).any():
            continue  # nothing would be left
        pairs = (lib.llama_logit_bias * len(bias))(*[lib.llama_logit_bias(i, b) for i, b in bias.items()])
        sampler = lib.llama_sampler_init_logit_bias(size, len(bias), pairs)
        check_logits(
            "logit_bias", after({"sampler": "logit_bias", "bias": bias}, row), InC(lib, sampler).apply(row)
        )
        lib.llama_sampler_free(sampler)


TEXTS = [
    "The cat sat on the mat. The cat sat on the mat. The cat sat on the",
    "one two three\none two three\none two",
    'He said: "yes yes yes". She said: "yes yes',
    "A long list: apples, pears, plums, apples, pears, plums, apples, pears",
    "« oui oui oui » et « oui oui",
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a",
    "Question: why why why?\nAnswer: why why",
    "x\n\n\nx\n\n\nx\n\n",
]
BREAKERS = [
    ["\n", ":", '"', "*"],
    [],
    ["he", " cat sat on"],
    ["yes yes", ". The"],
    ["ple", "ars, plu"],
    ["»"],
]


def dry_in_c(lib, embedded, multiplier, base, allowed_length, last_n, breakers):
    raw = (ctypes.c_char_p * max(1, len(breakers)))(*[each.encode() for each in breakers])
    vocab = embedded.tokenizer._weights.vocab
    return lib.llama_sampler_init_dry(vocab, multiplier, base, allowed_length, last_n, raw, len(breakers))


def test_dry_is_that_of_llama_cpp_on_texts_and_breakers(lib, embedded: LoadedModel):
    vocabulary = Vocabulary.of(embedded)
    row = next(rows([embedded.engine.vocab_size]))
    texts = [embedded.tokenizer.encode(text, add_special=False) for text in TEXTS]
    n_touched = 0
    for breakers in BREAKERS:
        for multiplier, base, allowed_length, last_n in [
            (0.8, 1.75, 2, 64),
            (1.0, 2.0, 1, 12),
            (2.5, 1.0, 3, 1000),
        ]:
            sampler = dry_in_c(lib, embedded, multiplier, base, allowed_length, last_n, breakers)
            step = {
                "sampler": "dry",
                "multiplier": multiplier,
                "base": base,
                "allowed_length": allowed_length,
            }
            step |= {"last_n": last_n, "breakers": breakers}
            for ids in texts:
                lib.llama_sampler_reset(sampler)
                ours = after(step, row, ids, vocabulary=vocabulary)
                check_logits("dry", ours, InC(lib, sampler).accept(ids).apply(row))
                n_touched += bool((ours.logits != row).any())
            lib.llama_sampler_free(sampler)
    assert n_touched > 60  # of 144; a comparison of rows that nobody changed would be worth nothing


def test_dry_is_that_of_llama_cpp_on_random_histories(lib, embedded: LoadedModel):
    """Over an alphabet of words, signs that break, and the two halves of a breaker."""
    vocabulary, row = Vocabulary.of(embedded), next(rows([embedded.engine.vocab_size]))
    encode = embedded.tokenizer.encode
    alphabet = sorted(
        {t for text in (" a b c", ".\n:", " qu", "a", ' "') for t in encode(text, add_special=False)}
    )
    breakers = ["\n", ":", " qua", "b c"]
    step = {
        "sampler": "dry",
        "multiplier": 0.8,
        "base": 1.75,
        "allowed_length": 2,
        "last_n": 64,
        "breakers": breakers,
    }
    sampler = dry_in_c(lib, embedded, 0.8, 1.75, 2, 64, breakers)
    rng = random.Random(7)
    for i in range(60):
        ids = rng.choices(alphabet[: 2 + i % (len(alphabet) - 1)], k=1 + 3 * i)
        lib.llama_sampler_reset(sampler)
        ours = after(step, row, ids, vocabulary=vocabulary)
        check_logits("dry", ours, InC(lib, sampler).accept(ids).apply(row))
    lib.llama_sampler_free(sampler)


def follow(name, sampler, in_c: InC, row, is_at_edge: Callable[[Distribution, float], bool], n_draws=8):
    """Let llama.cpp draw, learn from its token, and compare what both keep. `is_at_edge`: float32 may cut elsewhere."""
    dist, state = Distribution.from_logits(row), None
    for _ in range(n_draws):
        mu = sampler.details(dist, Context(), state)["mu"]
        if is_at_edge(dist, mu):
            EDGE[name] += 1
            return
        ours = sampler.apply(dist, Context(), state)
        ids, _, p, drawn = in_c.apply(row)
        n_tied = np.count_nonzero(np.isin(ids, ours.token_ids, invert=True))
        if n_tied:  # which of several equal tokens stay is nobody's rule there
            assert len(ids) == len(ours)
            assert {row[i] for i in ids if i not in ours.token_ids} == {ours.logits.min().astype(np.float32)}
            EDGE[name] += 1
            return
        by_id = np.argsort(ours.token_ids)
        assert np.array_equal(ours.token_ids[by_id], ids)
        np.testing.assert_allclose(ours.probs[by_id], p, rtol=2e-4, atol=1e-6)
        COMPARED[name] += 1
        state = sampler.next_state(state, dist, ours, drawn)


def test_mirostat_2_is_that_of_llama_cpp(lib):
    def is_at_edge(dist, mu):
        # -log2 p in float32, of probabilities summed in float32: 151,936 terms are 0.0005 off
        return bool((np.abs(-dist.logprobs / math.log(2) - mu) < 2e-3).any())

    for row in rows():
        for tau, eta in ((2.0, 0.3), (5.0, 0.1)):
            sampler = lib.llama_sampler_init_mirostat_v2(11, tau, eta)
            follow("mirostat_v2", MirostatV2(tau=tau, eta=eta), InC(lib, sampler), row, is_at_edge)
            lib.llama_sampler_free(sampler)
    assert EDGE["mirostat_v2"] * 5 < COMPARED["mirostat_v2"]


def test_mirostat_1_is_that_of_llama_cpp(lib):
    def is_at_edge(dist, mu):
        best, size = np.sort(dist.logits.astype(np.float64))[::-1][:100], dist.vocab_size
        if len(best) < min(100, size) or best[0] - best[-1] > 80:
            return True  # `absent`, `underflow`: in C the step down to a probability of 0 is infinite, and so is s
        if len(best) == 1:
            return False
        t, b = np.diff(np.log(np.arange(1, len(best) + 1))), -np.diff(best)
        s = float((t * b).sum() / (t * t).sum())
        if abs(s - 1) < 0.02 or s < 0.05:
            return True  # `float32`: e / (1 - N^-e) loses its digits, and near s = 0 int(k) leaves its range
        log_k = (math.log((s - 1) / -math.expm1((1 - s) * math.log(size))) + mu * math.log(2)) / s
        return log_k > 20 or abs(math.exp(log_k) - round(math.exp(log_k))) < 1e-3 * math.exp(log_k)

    for row in rows():
        for tau, eta in ((2.0, 0.3), (5.0, 0.1)):
            sampler = lib.llama_sampler_init_mirostat(len(row), 11, tau, eta, 100)
            follow("mirostat_v1", MirostatV1(tau=tau, eta=eta), InC(lib, sampler), row, is_at_edge)
            lib.llama_sampler_free(sampler)
    assert EDGE["mirostat_v1"] * 5 < COMPARED["mirostat_v1"]


def test_adaptive_p_is_that_of_llama_cpp(lib):
    for row in rows():
        for target, decay in ((0.3, 0.9), (0.7, 0.5), (0.0, 0.0)):
            sampler, state = AdaptiveP(target=target, decay=decay), None
            in_c = InC(lib, lib.llama_sampler_init_adaptive_p(target, decay, 3))
            dist = Distribution.from_logits(row)
            for _ in range(4):
                ours = sampler.apply(dist, Context(), state)
                ids, logits, p, drawn = in_c.apply(row)
                assert np.array_equal(ours.token_ids, ids)
                # p is off by 0.0003 of itself there, a sum of 151,936 float32; the slope of the logit is up to 33
                np.testing.assert_allclose(ours.logits, logits, rtol=1e-4, atol=2e-3)
                np.testing.assert_allclose(ours.probs, p, rtol=4e-3, atol=1e-6)
                in_c.accept([drawn])
                state = sampler.next_state(state, dist, ours, drawn)
                COMPARED["adaptive_p"] += 1
            lib.llama_sampler_free(in_c.sampler)


# -- transformers -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip(
        "torch", reason="torch is not installed; `pip install 'logitbox[transformers]'` brings it"
    )


@pytest.fixture(scope="module")
def processors(torch):
    from transformers.generation import logits_process

    return logits_process


def in_transformers(torch, processor, row, history):
    scores = processor(torch.tensor([history], dtype=torch.long), torch.from_numpy(row.copy())[None, :])[
        0
    ].numpy()
    ids = np.flatnonzero(scores > -INF)
    return ids, scores[ids]


def test_repetition_is_that_of_transformers_with_and_without_the_prompt(torch, processors):
    for row in rows():
        for history in histories(len(row)):
            for ignored in (None, 2):
                step = {"sampler": "penalties", "repeat": 1.4, "last_n": None, "prompt_len": ignored or 0}
                theirs = processors.RepetitionPenaltyLogitsProcessor(1.4, prompt_ignore_length=ignored)
                found = in_transformers(torch, theirs, row, history)
                check_logits("repetition", after(step, row, history), found)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_ngrams_are_those_of_transformers(torch, processors, n):
    for row in rows(SIZES[2:]):
        for history in histories(len(row)):
            found = in_transformers(torch, processors.NoRepeatNGramLogitsProcessor(n), row, history)
            check_logits(
                "no_repeat_ngram", after({"sampler": "no_repeat_ngram", "n": n}, row, history), found
            )


def test_bad_words_are_those_of_transformers(torch, processors):
    for row in rows(SIZES[2:]):
        for history in histories(len(row)):
            words = [[3], [4], [history[-1], 5], [*history[-3:], 6], [history[0], history[-1], 7], [9, 9, 8]]
            theirs = processors.NoBadWordsLogitsProcessor(words, eos_token_id=[4])
            step = {"sampler": "bad_words", "sequences": words, "eos": [4]}
            check_logits("bad_words", after(step, row, history), in_transformers(torch, theirs, row, history))


def test_suppressed_tokens_and_early_endings_are_those_of_transformers(torch, processors):
    for row in rows(SIZES[2:]):
        for history in histories(len(row)):
            found = in_transformers(torch, processors.SuppressTokensLogitsProcessor([0, 7, 7]), row, history)
            check_logits(
                "suppress_tokens", after({"sampler": "suppress_tokens", "tokens": [0, 7, 7]}, row), found
            )
            for min_new in (0, 3, len(history) - 2, len(history) - 1):
                theirs = processors.MinNewTokensLengthLogitsProcessor(2, max(0, min_new), [1, 5])
                step = {
                    "sampler": "min_new_tokens",
                    "min_new": max(0, min_new),
                    "eos": [1, 5],
                    "prompt_len": 2,
                }
                found = in_transformers(torch, theirs, row, history)
                check_logits("min_new_tokens", after(step, row, history), found)


def test_guidance_is_that_of_transformers(torch, processors):
    class Model:
        """Says one row, whatever it is asked."""

        def __init__(self, row) -> None:
            self.row = torch.from_numpy(row)[None, None, :]

        def __call__(self, input_ids, **kwargs):
            class Output(dict):
                logits = self.row

            return Output()

    for row, other in zip(rows(holes=False), reversed(list(rows(holes=False))), strict=True):
        other = np.resize(other, len(row)).astype(np.float32)
        for scale in (0.0, 0.5, 1.5, 3.0):
            theirs = processors.UnbatchedClassifierFreeGuidanceLogitsProcessor(scale, Model(other))
            ids, logits = in_transformers(torch, theirs, row, [1, 2])
            ours = after({"sampler": "cfg", "scale": scale}, row, others={"unconditional": other})
            assert np.array_equal(ours.token_ids, ids)
            np.testing.assert_allclose(ours.logits, logits, rtol=1e-5, atol=2e-4)
            COMPARED["cfg"] += 1


def test_a_chain_of_them_all_is_those_of_transformers_one_after_the_other(torch, processors):
    order = [
        {"sampler": "penalties", "repeat": 1.2, "last_n": None},
        {"sampler": "no_repeat_ngram", "n": 2},
        {"sampler": "bad_words", "sequences": [[3], [1, 2]]},
        {"sampler": "suppress_tokens", "tokens": [0]},
    ]
    chain = SamplerChain.from_steps(order)
    for row in rows(SIZES[3:]):
        theirs = [
            processors.RepetitionPenaltyLogitsProcessor(1.2),
            processors.NoRepeatNGramLogitsProcessor(2),
            processors.NoBadWordsLogitsProcessor([[3], [1, 2]]),
            processors.SuppressTokensLogitsProcessor([0]),
        ]
        for history in histories(len(row)):
            scores = torch.from_numpy(row.copy())[None, :]
            for processor in theirs:
                scores = processor(torch.tensor([history]), scores)
            ids = np.flatnonzero(scores[0].numpy() > -INF)
            ours = run_chain(row, chain, tuple(history)).distribution
            check_logits("a chain", ours, (ids, scores[0].numpy()[ids]))
