"""The command line under a constraint, a chain or a preset; and the ready-made constraints of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sandbox.chain import SamplerChain
from sandbox.constraint import check
from sandbox.generate import generate
from sandbox.json_schema import read_schema, unbounded
from sandbox.presets import PRESETS
from sandbox.settings import SamplingSettings
from sandbox.trace import Trace
from ui.cli import main
from ui.i18n import locale_sections
from ui.views.chain_line import MAX_VALUE, chain_line

ROOT = Path(__file__).parent.parent
TOY = ["--engine", "toy"]
EXAMPLES = json.loads((ROOT / "ui" / "constraints.json").read_text(encoding="utf-8"))
SCHEMA = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": 9},
    "minItems": 2,
    "maxItems": 2,
}


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITBOX_LANG", "en")
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOGITBOX_DEBUG", raising=False)


def drawn(capsys, *arguments: str) -> tuple[str, str]:
    """What was drawn after the prompt "abc", and what stands on stderr."""
    assert main(["generate", "abc", "--seed", "3", *TOY, *arguments]) == 0
    out, err = capsys.readouterr()
    return out.removeprefix("abc").removesuffix("\n"), err


def complaint(capsys, *arguments: str, code: int = 2) -> str:
    assert main(["generate", "abc", *TOY, *arguments]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_a_choice_is_answered_with_one_of_its_texts(capsys):
    text, err = drawn(capsys, "--choice", "yes, of course", "--choice", "no")
    assert text.removeprefix(" ") in ("yes, of course", "no")
    assert "ended by itself" in err and "unfinished" not in err


def test_a_schema_is_read_from_the_argument_or_from_a_file(capsys, tmp_path):
    file = tmp_path / "schema.json"
    file.write_text("\ufeff" + json.dumps(SCHEMA), encoding="utf-8")
    for schema in (json.dumps(SCHEMA), f" {json.dumps(SCHEMA)}", str(file)):
        text, _ = drawn(capsys, "--schema", schema)
        assert len(json.loads(text)) == 2


def test_a_regular_expression_and_a_grammar_file_hold(capsys, tmp_path):
    assert re.fullmatch(r"[xy]{3}-\d", drawn(capsys, "--regex", r"[xy]{3}-\d")[0])
    file = tmp_path / "sum.lark"
    file.write_text('start: DIGIT ("+" DIGIT){2}\nDIGIT: /[0-9]/\n', encoding="utf-8")
    assert re.fullmatch(r"\d\+\d\+\d", drawn(capsys, "--grammar", str(file))[0])


def test_an_answer_cut_short_is_called_unfinished_and_a_free_text_never(capsys):
    _, err = drawn(capsys, "--regex", "x{50}", "--max-tokens", "5")
    assert "the limit is reached" in err and "unfinished" in err and "--max-tokens" in err
    assert "unfinished" not in drawn(capsys, "--max-tokens", "5")[1]


def test_the_constraint_comes_first_and_the_knobs_follow(capsys, tmp_path):
    saved = tmp_path / "trace.json"
    _, err = drawn(capsys, "--choice", "xyz", "--top-k", "7", "--temperature", "0.5", "--trace", str(saved))
    assert [step["sampler"] for step in Trace.load(saved).samplers] == [
        *("grammar", "top_k", "top_p", "min_p", "temperature")  # --top-p and --min-p keep their defaults
    ]
    assert 'grammar kind=choice grammar=["xyz"] > top_k 7' in err and "seed 3" in err


def test_a_chain_replaces_the_knobs_and_says_so(capsys, tmp_path):
    saved, file = tmp_path / "trace.json", tmp_path / "chain.json"
    steps = [{"sampler": "top_k", "k": 3, "min_keep": 2}, {"sampler": "temperature", "temperature": 0.5}]
    file.write_text(json.dumps(steps), encoding="utf-8")
    for given in (json.dumps(steps), str(file)):
        _, err = drawn(capsys, "--chain", given, "--max-tokens", "2", "--trace", str(saved))
        trace = Trace.load(saved)
        assert list(trace.samplers) == steps
        assert trace.settings["temperature"] == 1.0  # and not the 0.8 of a chain that never acted
        assert err.startswith("top_k k=3 min_keep=2 > temperature 0.5, seed 3, token limit 2\n")
    drawn(capsys, "--chain", json.dumps(steps), "--choice", "xyz", "--trace", str(saved))
    assert list(Trace.load(saved).samplers)[1:] == steps


def test_a_preset_brings_its_defaults_or_its_order_with_our_numbers(capsys, tmp_path):
    saved = tmp_path / "trace.json"
    for name, preset in PRESETS.items():
        drawn(capsys, "--preset", name, "--max-tokens", "1", "--trace", str(saved))
        assert list(Trace.load(saved).samplers) == preset.steps_that_act
    numbers = ("--top-k", "30", "--temperature", "0.5")
    drawn(capsys, "--preset", "vllm", *numbers, "--max-tokens", "1", "--trace", str(saved))
    assert [step["sampler"] for step in Trace.load(saved).samplers] == ["temperature", "top_k"]


def test_without_any_of_it_the_settings_line_is_the_old_one(capsys):
    _, err = drawn(capsys, "--max-tokens", "1", "--top-k", "5")
    assert err.startswith("temperature 0.8, top-k 5, top-p 0.95, min-p 0.05, seed 3, token limit 1\n")


def test_next_shows_what_the_constraint_leaves_however_unlikely(capsys):
    assert main(["next", "abc", "--json", "--top", "2", *TOY, "--choice", "xyz"]) == 0
    body = json.loads(capsys.readouterr().out)
    rows = {row["text"]: row["probability_after_chain"] for row in body["rows"]}
    assert len(rows) == 4 and rows["d"] == 0 and rows["x"] == rows[" "] == pytest.approx(0.5)
    assert [row["rank"] for row in body["rows"]] == sorted(row["rank"] for row in body["rows"])
    assert body["others"]["n_tokens"] == 260 - 4
    assert sum(row["probability"] for row in body["rows"]) + body["others"]["probability"] == pytest.approx(1)


def test_next_lists_by_the_models_rank_also_what_the_chain_brought_up(capsys):
    bias = json.dumps([{"sampler": "logit_bias", "bias": {"120": 9, "32": 8}}])
    assert main(["next", "abc", "--json", "--top", "2", *TOY, "--chain", bias]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["text"] for row in rows[2:]] == [" ", "x"]
    assert rows[2]["probability_after_chain"] < rows[3]["probability_after_chain"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--choice", "a", "--regex", "b"], "--regex: not together with --choice"),
        (["--chain", "[]", "--top-k", "4"], "--chain and --top-k"),
        (["--chain", "[]", "--preset", "vllm"], "--chain and --preset"),
        (["--chain", "[{]"], "line 1, column 3"),
        (["--chain", '[{"sampler": "top_kk"}]'], "no sampler called top_kk"),
        (["--chain", "[3]"], "3"),
        (["--chain", "[" * 100_000], "nested too deep"),
        (["--preset", "nobody"], "'nobody' is not one of"),
        (["--choice", ""], "Answer 1 of the choice"),
        (["--choice", "a", "--choice", "a"], "Answer 2 of the choice, “a”"),
        (["--schema", '{"type": "arr'], "line 1, column 10"),
        (["--schema", ""], "(json_schema) is empty"),
        (["--schema", '{"type": "string", "not": {}}'], '["not"]'),
        (["--regex", "(a"], "parenthesis"),
        (["--regex", ""], "(regex) is empty"),
        (["--regex", "a" * 20_001], "at most 20000 characters"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_the_model_is_loaded(capsys, monkeypatch, arguments, says):
    monkeypatch.setattr("ui.commands.generate.load_model", lambda *_: pytest.fail("loaded"))
    assert says in complaint(capsys, *arguments)


@pytest.mark.parametrize("option", ["--schema", "--grammar", "--chain"])
def test_a_file_that_cannot_be_read_is_named(capsys, tmp_path, option):
    binary = tmp_path / "weights.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, ""), (binary, "not UTF-8")):
        said = complaint(capsys, option, str(path), code=1)
        assert str(path) in said and reason in said
    assert "cannot be read" in complaint(capsys, option, "a\x00b", code=1)


def test_a_chain_that_is_no_list_is_no_chain(capsys, tmp_path):
    file = tmp_path / "chain.json"
    for text in ('{"sampler": "top_k", "k": 3}', "3", '"top_k"'):
        file.write_text(text, encoding="utf-8")
        for more in ([], ["--choice", "a"]):
            assert "step" in complaint(capsys, "--chain", str(file), *more)


def test_a_chain_on_one_line_obeys_nothing_and_stays_short():
    steps = [
        {"sampler": "grammar", "kind": "choice", "grammar": "a\x1b[2J\n" + "b" * 100},
        {"sampler": "suppress_tokens", "tokens": [1, 2]},
        {"sampler": "temperature", "temperature": 0.5},
    ]
    assert chain_line([{"sampler": "some", "is_on": True, "u": None}], "en") == "some is_on=true u=null"
    line = chain_line(steps, "fr")
    assert line.endswith(" > suppress_tokens [1, 2] > temperature 0,5")
    assert line.isprintable() and len(line.split(" > ")[0]) <= len("grammar kind=choice grammar=") + MAX_VALUE


# --- the ready-made constraints -------------------------------------------------------------------------------------


def test_every_ready_made_constraint_can_be_read_is_named_and_ends():
    for each in EXAMPLES["constraints"]:
        check(each["kind"], each["grammar"])
        assert each["kind"] != "json_schema" or unbounded(read_schema(each["grammar"])) == []
        for lang in ("en", "fr"):
            lab = locale_sections(lang)["page"]["lab"]
            assert each["id"] in lab["constraint"] and each["id"] in lab["constraint_note"]
            assert each["kind"] in lab["constraint_kind"] and each["kind"] in lab["constraint_hint"]
        assert ("gloss_fr" in each) == (each["language"] == "en")
    assert EXAMPLES["opening"] in [each["id"] for each in EXAMPLES["constraints"]]


@pytest.mark.real
@pytest.mark.parametrize("example", EXAMPLES["constraints"], ids=lambda each: each["id"])
def test_every_ready_made_constraint_is_met_within_its_tokens_and_greedy_answers_are_as_recorded(
    embedded, example
):
    step = {"sampler": "grammar", "kind": example["kind"], "grammar": example["grammar"]}
    ids = embedded.tokenizer.encode(example["text"])
    for more in ([], [{"sampler": "greedy"}]):
        settings = SamplingSettings(seed=1, max_tokens=example["max_tokens"])
        generation = generate(embedded, ids, settings, chain=SamplerChain.from_steps([step, *more]))
        text = "".join(each.text for each in generation)
        assert (generation.trace.finish_reason, generation.is_complete) == ("stop", True), text
    assert example.get("greedy", text).strip() == text.strip()


def test_an_error_of_a_chain_says_which_step(capsys):
    steps = '[{"sampler": "top_k", "k": 2}, {"sampler": "top_p", "p": 7}]'
    assert main(["--lang", "fr", "next", "a", "--engine", "toy", "--chain", steps]) == 2
    assert "étape 2\u00a0: top_p.p = 7" in capsys.readouterr().err
