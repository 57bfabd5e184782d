"""The sampler grammar: the law it leaves; answers of the embedded model, always valid and not always right."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engines.toy import ToyEngine, ToyTokenizer
from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.constraint import allowed
from sandbox.distribution import Distribution
from sandbox.errors import GrammarRejects, NeedsVocabulary, NothingToDraw
from sandbox.generate import generate
from sandbox.outcome import run_chain
from sandbox.sampler import Context
from sandbox.samplers.grammar import Grammar
from sandbox.settings import SamplingSettings
from sandbox.vocabulary import Vocabulary
from tests.pieces import TOKENS, VOCABULARY, ids_of

# --- the sampler ---------------------------------------------------------------------------------------------------


def context(generated: str = "", prompt: str = "") -> Context:
    ids = [*ids_of(prompt), *ids_of(generated)]
    return Context(ids, len(ids_of(prompt)), len(ids), vocabulary=VOCABULARY)


def flat() -> Distribution:
    return Distribution.from_logits(np.zeros(len(TOKENS), dtype=np.float32))


def test_what_is_allowed_keeps_its_proportions_and_the_removed_mass_is_what_was_forbidden():
    logits = np.full(len(TOKENS), -np.inf)
    logits[[ord("a"), ord(" "), ord("z")]] = np.log([0.1, 0.3, 0.6])
    outcome = run_chain(logits, [{"sampler": "grammar", "kind": "choice", "grammar": "a"}], context=context())
    assert outcome.probs[ord("a")] == pytest.approx(0.25) and outcome.probs[ord(" ")] == pytest.approx(0.75)
    assert outcome.stages[0].removed_mass == pytest.approx(0.6)
    n_allowed = 3  # a, space, space-a
    details = {"is_complete": False, "n_allowed": n_allowed, "n_forbidden": len(TOKENS) - n_allowed}
    assert outcome.stages[0].details == details
    assert outcome.removed_by(ord("z")) == 0


def test_only_what_follows_the_prompt_must_fit():
    after = Grammar("choice", "abc").apply(flat(), context("ab", prompt="Which letters? "))
    assert after.token_ids.tolist() == [ord("c")]


def test_the_formula_says_in_or_out():
    grammar, dist = Grammar("choice", "a"), flat()
    after = grammar.apply(dist, context())
    for token_id, value in ((97, 1), (98, 0)):
        worked = grammar.worked(token_id, dist, after, context())
        assert (worked.text, worked.numbers) == ("1[t ∈ G] = {allowed}", {"allowed": value})


def test_candidates_by_rank_or_only_some_of_them_or_more_than_the_vocabulary_are_sorted_out_alike():
    grammar = Grammar("choice", "a\nb")
    logits = np.arange(len(TOKENS) + 5, dtype=np.float32)
    expected = [ord(" "), ord("a"), ord("b"), TOKENS.index(b" a")]
    assert sorted(grammar.apply(Distribution.from_logits(logits), context()).token_ids.tolist()) == expected
    ranked = Distribution.from_logits(logits).ranked
    assert grammar.apply(ranked, context()).token_ids.tolist() == expected[::-1]
    assert (
        sorted(grammar.apply(ranked.keep(ranked.token_ids > 90), context()).token_ids.tolist())
        == expected[1:]
    )


def test_a_row_wider_than_the_vocabulary_has_tokens_that_no_grammar_knows():
    vocabulary = Vocabulary((b"a", b"b", b"a"), frozenset(), frozenset())
    after = Grammar("choice", "a").apply(
        Distribution.from_logits(np.zeros(9)), Context(vocabulary=vocabulary)
    )
    assert after.token_ids.tolist() == [0, 2]


def test_a_step_is_written_and_read_back_and_asks_for_the_vocabulary():
    steps = [{"sampler": "grammar", "kind": "regex", "grammar": "[ab]+"}]
    chain = SamplerChain.from_steps(steps)
    assert chain.to_steps() == steps and chain.needs_vocabulary
    with pytest.raises(NeedsVocabulary):
        chain.run(flat())


@pytest.mark.parametrize(
    ("before", "after", "at_fault"),
    [
        ([], [{"sampler": "logit_bias", "bias": {97: "-inf", 98: "-inf"}}], 1),
        ([], [{"sampler": "allowed_tokens", "tokens": [120]}], 1),
        ([], [{"sampler": "bad_words", "sequences": [[97], [98]], "eos": []}], 1),
        ([{"sampler": "top_k", "k": 1}], [], 1),
    ],
)
def test_constraints_that_leave_nothing_together_name_the_card_that_took_the_last(before, after, at_fault):
    steps = [*before, {"sampler": "grammar", "kind": "regex", "grammar": "[ab]"}, *after]
    with pytest.raises(NothingToDraw) as caught:
        run_chain(np.zeros(len(TOKENS), dtype=np.float32), steps, context=context())
    assert caught.value.step == at_fault


# --- generating ----------------------------------------------------------------------------------------------------


@pytest.fixture
def toy() -> LoadedModel:
    return LoadedModel(ModelSpec(id="toy", title="Toy"), ToyEngine(), ToyTokenizer())


def constrained(kind: str, grammar: str) -> SamplerChain:
    return SamplerChain.from_steps([{"sampler": "grammar", "kind": kind, "grammar": grammar}])


def test_a_model_has_one_vocabulary_so_that_what_is_worked_out_from_it_is_kept(toy):
    assert Vocabulary.of(toy) is Vocabulary.of(toy)


def test_a_complete_answer_ends_by_itself(toy):
    generation = generate(toy, [97], SamplingSettings(seed=1), chain=constrained("choice", "xyz"))
    drawn = "".join(step.text for step in generation)
    assert drawn.strip() == "xyz" and generation.trace.finish_reason == "stop"
    assert generation.is_complete is True
    assert generation.trace.steps[-1].token_id in toy.tokenizer.eos_ids


def test_an_answer_cut_short_says_length_and_is_unfinished(toy):
    settings = SamplingSettings(seed=1, max_tokens=2)
    generation = generate(toy, [97], settings, chain=constrained("choice", "xyz"))
    assert len(list(generation)) == 2
    assert (generation.trace.finish_reason, generation.is_complete) == ("length", False)
    assert generate(toy, [97], SamplingSettings()).is_complete is None


def test_the_text_drawn_by_hand_before_must_fit_too(toy):
    steps = [{"sampler": "grammar", "kind": "choice", "grammar": "xyz"}]
    here = Context(ids_of("a" + "xq"), 1, 3, vocabulary=Vocabulary.of(toy))
    with pytest.raises(GrammarRejects) as caught:
        run_chain(toy.engine.next_logits(ids_of("axq")), steps, context=here)
    assert (caught.value.step, caught.value.n_accepted) == (0, 1)


# --- on the embedded model: always valid ----------------------------------------------------------------------------

NESTED = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "items": {"type": "integer", "minimum": 0, "maximum": 99},
            },
        }
    },
    "required": ["rows"],
    "additionalProperties": False,
}
DATE = r" ?[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def is_sentiment(text: str) -> bool:
    return text.removeprefix(" ") in {"positive", "negative", "neutral"}


def is_nested(text: str) -> bool:
    value = json.loads(text)
    rows = value["rows"]
    return (
        list(value) == ["rows"]
        and 1 <= len(rows) <= 2
        and all(1 <= len(row) <= 3 and all(type(x) is int and 0 <= x <= 99 for x in row) for row in rows)
    )


def is_date(text: str) -> bool:
    date = re.fullmatch(r" ?([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    return bool(date) and 1000 <= int(date[1]) < 3000 and 1 <= int(date[2]) <= 12 and 1 <= int(date[3]) <= 31


TASKS = {
    "sentiment": (
        "Review: Slow, but I loved the actors.\nSentiment:",
        "choice",
        "positive\nnegative\nneutral",
        is_sentiment,
        12,
    ),
    "nested": (
        'Rows of numbers: {"rows":[[4,8],[15]]}\nOther rows: ',
        "json_schema",
        json.dumps(NESTED),
        is_nested,
        160,
    ),
    "date": ("The storming of the Bastille, as YYYY-MM-DD:", "regex", DATE, is_date, 16),
}


def valid_answers(model: LoadedModel, task: str, seeds: range) -> int:
    prompt, kind, grammar, is_valid, max_tokens = TASKS[task]
    ids, chain, n_valid = model.tokenizer.encode(prompt), constrained(kind, grammar), 0
    for seed in seeds:
        generation = generate(model, ids, SamplingSettings(seed=seed, max_tokens=max_tokens), chain=chain)
        list(generation)
        drawn = b"".join(
            s.token_bytes for s in generation.trace.steps if s.token_id not in model.tokenizer.eos_ids
        )
        assert (generation.trace.finish_reason, generation.is_complete) == ("stop", True), (seed, drawn)
        n_valid += is_valid(drawn.decode())
    return n_valid


@pytest.mark.real
@pytest.mark.parametrize("task", TASKS)
def test_the_embedded_model_answers_validly_for_twenty_seeds_of_twenty(embedded, task):
    assert valid_answers(embedded, task, range(20)) == 20


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_the_embedded_model_answers_validly_for_two_hundred_seeds_of_two_hundred(embedded, task):
    assert valid_answers(embedded, task, range(20, 220)) == 200


@pytest.mark.real
def test_the_embedded_vocabulary_keeps_its_definition_along_a_text(embedded):
    """The same oracle on 49,152 tokens, a few steps deep."""
    vocabulary, language = (
        Vocabulary.of(embedded),
        {(s + w).encode() for w in ("positif", "négatif") for s in ("", " ")},
    )
    begins = {text[:n] for text in language for n in range(len(text) + 1)}
    for so_far in (b"", b" ", b" n", b"n\xc3", "né".encode(), b" positif"):
        expected = {
            i
            for i, token in enumerate(vocabulary.token_bytes)
            if i not in vocabulary.special_ids and so_far + token in begins
        }
        expected |= vocabulary.eos_ids if so_far in language else set()
        ids = [vocabulary.token_bytes.index(bytes([byte])) for byte in so_far]
        mask = allowed(vocabulary, "choice", "positif\nnégatif", ids).mask
        assert set(np.flatnonzero(mask).tolist()) == expected


# --- valid is not right ---------------------------------------------------------------------------------------------

REVIEWS = {
    "en": (
        ["I loved this film, it was wonderful.", "The food was delicious and the staff were kind."],
        ["I hated this film, it was boring.", "The food was cold and the staff were rude."],
        ["What a great day, everything went well.", "This book is excellent, I recommend it."],
        ["What an awful day, everything went wrong.", "This book is terrible, I regret buying it."],
    ),
    "fr": (
        ["J'ai adoré ce film, il était magnifique.", "Le repas était délicieux et le personnel aimable."],
        ["J'ai détesté ce film, il était ennuyeux.", "Le repas était froid et le personnel désagréable."],
        ["Quelle belle journée, tout s'est bien passé.", "Ce livre est excellent, je le recommande."],
        [
            "Quelle horrible journée, tout s'est mal passé.",
            "Ce livre est nul, je regrette de l'avoir acheté.",
        ],
    ),
}
LABELS = {"en": ("positive", "negative"), "fr": ("positif", "négatif")}
PROMPTS = {"en": "Review: {}\nSentiment:", "fr": "Avis : {}\nSentiment :"}


def most_likely_answers(model: LoadedModel, lang: str) -> list[tuple[str, str]]:
    """(what the review is, what the model says), always taking the most likely allowed token."""
    chain = SamplerChain.from_steps(
        [*constrained("choice", "\n".join(LABELS[lang])).to_steps(), {"sampler": "greedy"}]
    )
    pairs = []
    for at, group in enumerate(REVIEWS[lang]):
        for review in group:
            ids = model.tokenizer.encode(PROMPTS[lang].format(review))
            said = "".join(
                step.text for step in generate(model, ids, SamplingSettings(max_tokens=12), chain=chain)
            )
            pairs.append((LABELS[lang][at % 2], said.strip()))
    return pairs


@pytest.mark.real
def test_valid_is_not_right(embedded):
    """Measured: 8 of 8 right in English; in French négatif every time, so 4 of 8. One near tie may fall otherwise."""
    english, french = (most_likely_answers(embedded, lang) for lang in ("en", "fr"))
    assert all(said in LABELS["en"] for _, said in english) and all(
        said in LABELS["fr"] for _, said in french
    )
    assert sum(is_ == said for is_, said in english) >= 7
    assert sum(said == "négatif" for _, said in french) >= 7
    encode = embedded.tokenizer.encode
    assert (len(encode(" positif")), len(encode(" négatif"))) == (2, 4)
