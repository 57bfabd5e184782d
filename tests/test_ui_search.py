"""`logitbox search` and the dice of `logitbox generate` on the toy model."""

from __future__ import annotations

import json
import math
import re

import pytest

from sandbox.trace import Trace
from ui.cli import main

TOY = ["--engine", "toy"]
# after any byte the next three have logits 3, 2 and 1, the other 257 have 0
WHOLE = math.exp(3) + math.exp(2) + math.exp(1) + 257


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITBOX_LANG", "en")
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOGITBOX_DEBUG", raising=False)


def search_json(capsys, *arguments: str) -> dict[str, object]:
    assert main(["search", "abc", "--json", *TOY, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_beams_are_listed_best_first_with_their_scores(capsys):
    assert main(["search", "abc", "--beams", "2", "--max-tokens", "2", *TOY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "beams 2, length penalty 1, token limit 2" in lines[0]
    assert lines[2].split() == ["rank", "score", "log-probability", "tokens", "end", "text"]
    best = 2 * (3 - math.log(WHOLE))
    assert lines[3].split() == ["1", f"{best / 2:.3f}", f"{best:.3f}", "2", "limit", "de"]
    assert lines[4].split()[-1] == "df" and len(lines) == 5


def test_json_holds_every_step_and_every_hypothesis(capsys):
    body = search_json(capsys, "--beams", "3", "--max-tokens", "4")
    assert (body["model"], body["prompt_token_ids"]) == ("toy", [97, 98, 99])
    assert body["settings"]["search"] == "beam" and body["settings"]["beams"] == 3
    assert [step["position"] for step in body["steps"]] == [3, 4, 5, 6]
    for step in body["steps"]:
        assert len(step["candidates"]) == len(step["running"]) + len(step["ended"]) + len(step["pruned"])
    best = body["hypotheses"][0]
    assert (best["text"], best["token_ids"]) == ("defg", [100, 101, 102, 103])
    assert best["sum_logprob"] == pytest.approx(4 * (3 - math.log(WHOLE)))
    assert len(body["hypotheses"]) == 3


def test_groups_make_it_diverse_and_are_shown(capsys):
    arguments = ["--beams", "2", "--groups", "2", "--diversity", "9", "--max-tokens", "1"]
    assert main(["search", "abc", *arguments, *TOY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "diverse" in lines[0] and lines[2].split()[1] == "group"
    assert [line.split()[-1] for line in lines[3:]] == ["d", "e"]


def test_a_length_penalty_and_early_stopping_reach_the_search(capsys):
    settings = search_json(
        capsys, "--length-penalty", "-0.5", "--early-stopping", "yes", "--max-tokens", "1"
    )["settings"]
    assert (settings["length_penalty"], settings["early_stopping"]) == (-0.5, True)


def test_the_lookup_draft_shows_each_guess_and_the_share_accepted(capsys):
    arguments = ["--speculative", "lookup", "--temperature", "0.1", "--seed", "7", "--max-tokens", "6"]
    assert main(["search", "abcdefabc", *arguments, *TOY]) == 0
    out = capsys.readouterr().out
    # at temperature 0.1 the next letter is certain up to e**-10: d, e and f are right, a after f is not, g is new
    assert "✓ d" in out and "✓ f" in out and "✗ a" in out
    assert "Guesses accepted: 3 of 4 (75.0\u00a0%)" in out and out.splitlines()[-1] == "defghi"


def test_a_model_as_its_own_draft_is_always_accepted(capsys):
    body = search_json(
        capsys, "--speculative", "toy", "--draft-tokens", "3", "--seed", "7", "--max-tokens", "8"
    )
    assert (body["acceptance"], body["n_judged"], len(body["rounds"])) == (1.0, 6, 2)
    assert body["settings"]["draft"] == "toy" and body["settings"]["seed"] == body["seed"] == 7
    assert [len(each["token_ids"]) for each in body["rounds"]] == [4, 4]


def test_a_chosen_seed_is_told_so_that_it_can_be_repeated(capsys):
    first = search_json(capsys, "--speculative", "lookup", "--max-tokens", "9")
    again = search_json(capsys, "--speculative", "lookup", "--max-tokens", "9", "--seed", str(first["seed"]))
    assert again["token_ids"] == first["token_ids"]


def test_no_token_of_a_search_can_steer_the_terminal(capsys):
    for arguments in (["--beams", "3"], ["--speculative", "toy", "--top-k", "3"]):
        assert main(["search", "\x19", *arguments, "--max-tokens", "3", *TOY]) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_tables_speak_french(capsys):
    assert main(["search", "abc", *TOY, "--lang", "fr", "--max-tokens", "2"]) == 0
    out = capsys.readouterr().out
    assert "recherche en faisceau" in out and "log-probabilité" in out and "-2,660" in out
    assert main(["search", "abc", *TOY, "--lang", "fr", "--max-tokens", "2", "--speculative", "lookup"]) == 0
    assert "décodage spéculatif" in capsys.readouterr().out


# arguments, what the French and the English sentence must name
BAD_INPUT = [
    (["a", "--beams", "0"], "beams = 0", "beams = 0"),
    (["a", "--beams", "many"], "n'est pas un nombre entier", "is not an integer"),
    (["a", "--beams", "65"], "{1\u00a0; 2\u00a0; ...\u00a0; 64}", "{1, 2, ..., 64}"),
    (["a", "--groups", "3"], "groups = 3", "groups = 3"),
    (["a", "--diversity", "-1"], "diversity = -1", "diversity = -1"),
    (["a", "--length-penalty", "11"], "length_penalty = 11", "length_penalty = 11"),
    (["a", "--length-penalty", "nan"], "length_penalty = nan", "length_penalty = nan"),
    (["a", "--early-stopping", "maybe"], "--early-stopping", "--early-stopping"),
    (["a", "--max-tokens", "0"], "max_tokens = 0", "max_tokens = 0"),
    (["a", "--top-k", "3"], "--speculative", "--speculative"),
    (["a", "--regex", "b"], "--regex", "--regex"),
    (["a", "--seed", "3"], "--seed", "--seed"),
    (["a", "--speculative", "lookup", "--beams", "2"], "--beams", "--beams"),
    (["a", "--speculative", "lookup", "--seed", "-1"], "seed = -1", "seed = -1"),
    (["a", "--speculative", "lookup", "--n-gram", "0"], "n_gram = 0", "n_gram = 0"),
    (["a", "--speculative", "lookup", "--draft-tokens", "33"], "draft_tokens = 33", "draft_tokens = 33"),
    (["a", "--speculative", "toy", "--n-gram", "2"], "--speculative lookup", "--speculative lookup"),
    (["a", "--speculative", "nobody"], "nobody", "nobody"),
    (["a", "--speculative", "lookup", "--top-p", "0"], "top_p = 0", "top_p = 0"),
    ([""], "vide", "empty"),
    (["a" * 600], "contexte", "context"),
]


@pytest.mark.parametrize(("arguments", "french", "english"), BAD_INPUT)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_bad_input_is_one_sentence_that_names_the_knob(capsys, monkeypatch, arguments, french, english, lang):
    monkeypatch.setenv("LOGITBOX_LANG", lang)
    assert main(["search", *arguments, *TOY]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert (french if lang == "fr" else english) in captured.err
    assert "Traceback" not in captured.err and not re.search(r"\{[a-z]", captured.err)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_help_is_whole_in_both_languages(capsys, lang):
    assert main(["search", "--help", "--lang", lang]) == 0
    out = capsys.readouterr().out
    assert not re.search(r"cli\.|metavar\.|\{[a-z]", out) and "logitbox search" in out


def test_generate_draws_with_llama_cpps_dice_and_says_so(capsys, tmp_path):
    path = tmp_path / "out.json"
    arguments = ["--rng", "llama.cpp", "--seed", "7", "--max-tokens", "9", "--trace", str(path)]
    assert main(["generate", "abc", *TOY, *arguments]) == 0
    ours = capsys.readouterr()
    assert "llama.cpp" in ours.err and "llama.cpp" not in ours.out
    trace = Trace.load(path)
    assert trace.settings["rng"] == "llama.cpp" and trace.redraw() == trace.token_ids
    main(["generate", "abc", *TOY, "--seed", "7", "--max-tokens", "9"])
    philox = capsys.readouterr()
    assert philox.out != ours.out and "llama.cpp" not in philox.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--rng", "loaded"], "rng = 'loaded'"), (["--rng", "llama.cpp", "--seed", "4294967295"], "seed = ")],
)
def test_bad_dice_are_named(capsys, arguments, named):
    assert main(["generate", "abc", *TOY, *arguments]) == 2
    assert named in capsys.readouterr().err


@pytest.mark.real
def test_beams_find_paris_and_a_model_drafts_for_itself(capsys):
    prompt = "The capital of France is"
    assert main(["search", prompt, "--json", "--beams", "3", "--max-tokens", "4"]) == 0
    assert json.loads(capsys.readouterr().out)["hypotheses"][0]["text"].startswith(" Paris")
    assert (
        main(["search", prompt, "--json", "--speculative", "smollm2-135m-instruct", "--max-tokens", "6"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["acceptance"] > 0.5
