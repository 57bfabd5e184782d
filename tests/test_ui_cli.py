"""The command line on the toy model: what it prints, and one sentence for whatever goes wrong."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.engines.toy import ToyEngine
from models.errors import EngineFailed
from sandbox.trace import Trace
from ui.cli import main

ROOT = Path(__file__).parent.parent
TOY = ["--engine", "toy"]


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITBOX_LANG", "en")
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOGITBOX_DEBUG", raising=False)


def next_json(capsys, *arguments: str) -> dict[str, object]:
    assert main(["next", "abc", "--json", *TOY, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_the_promised_shape(capsys):
    body = next_json(capsys, "--top", "3")
    assert list(body) == ["model", "engine", "prompt_token_ids", "entropy_bits", "rows", "others"]
    assert (body["model"], body["engine"], body["prompt_token_ids"]) == ("toy", "toy", [97, 98, 99])
    z = math.exp(3) + math.exp(2) + math.exp(1) + 257
    first = body["rows"][0]
    assert list(first) == [
        "rank",
        "token_id",
        "text",
        "bytes",
        "logit",
        "probability",
        "probability_after_chain",
    ]
    assert (first["rank"], first["token_id"], first["text"], first["bytes"]) == (1, 100, "d", [100])
    assert (first["logit"], first["probability"]) == (3.0, pytest.approx(math.exp(3) / z, abs=1e-12))
    assert body["others"]["n_tokens"] == 257
    assert body["others"]["probability"] == pytest.approx(257 / z, abs=1e-12)


@pytest.mark.parametrize(
    "chain", [[], ["--top-k", "2"], ["--temperature", "0"], ["--top-p", "0.05", "--temperature", "1.7"]]
)
@pytest.mark.parametrize("top", ["1", "10", "260", "9999"])
def test_the_rows_and_the_others_add_up_to_one(capsys, chain, top):
    body = next_json(capsys, "--top", top, *chain)
    for name in ("probability", "probability_after_chain"):
        assert abs(sum(row[name] for row in body["rows"]) + body["others"][name] - 1) < 1e-9


def test_a_removed_token_keeps_its_row_and_loses_its_probability(capsys):
    rows = next_json(capsys, "--top", "3", "--top-k", "1", "--temperature", "2")["rows"]
    assert [row["probability_after_chain"] for row in rows] == [1.0, 0.0, 0.0]


def test_the_table_shows_the_chain_only_where_there_is_one(capsys):
    main(["next", "abc", *TOY])
    neutral = capsys.readouterr().out
    main(["next", "abc", *TOY, "--top-k", "2"])
    chained = capsys.readouterr().out
    assert "after the chain" not in neutral and "Others (250 tokens)" in neutral
    assert "after the chain" in chained and "removed" in chained and "top_k 2" in chained


def test_experts_see_ids_logits_and_bytes(capsys):
    main(["next", "abc", *TOY, "--expert"])
    header, first = capsys.readouterr().out.splitlines()[3:5]
    assert header.split()[:5] == ["rank", "token", "id", "logit", "bytes"]
    assert first.split()[:5] == ["1", "d", "100", "3.000", "64"]


def test_the_table_speaks_french_numbers_and_words(capsys):
    main(["next", "abc", *TOY, "--lang", "fr"])
    out = capsys.readouterr().out
    assert "Autres (250 jetons)" in out and "7,0\u00a0%" in out and "probabilité" in out


def test_a_chat_prompt_carries_the_templates_control_tokens(capsys):
    body = next_json(capsys, "--chat")
    assert 258 in body["prompt_token_ids"]


def test_no_token_can_steer_the_terminal(capsys):
    main(["next", "\x19", *TOY, "--top", "3"])  # the toy's next tokens are 0x1a, 0x1b (escape) and 0x1c
    out = capsys.readouterr().out
    assert "⟨U+001B⟩" in out and "\x1b" not in out


def test_json_holds_no_raw_control_characters_either(capsys):
    main(["next", "\x19", *TOY, "--json", "--top", "260"])
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out


def test_the_same_seed_gives_the_same_text(capsys):
    texts = []
    for _ in range(2):
        assert main(["generate", "abc", *TOY, "--seed", "7", "--max-tokens", "12"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] and texts[0].startswith("abc")


def test_settings_are_echoed_and_the_text_stands_alone(capsys):
    main(["generate", "abc", *TOY, "--max-tokens", "2"])
    captured = capsys.readouterr()
    assert "temperature 0.8, top-k 40, top-p 0.95, min-p 0.05, seed " in captured.err
    assert "seed" not in captured.out


def test_a_chosen_seed_is_echoed_so_that_it_can_be_repeated(capsys):
    main(["generate", "abc", *TOY, "--max-tokens", "9"])
    first = capsys.readouterr()
    seed = first.err.split("seed ")[1].split(",")[0]
    main(["generate", "abc", *TOY, "--max-tokens", "9", "--seed", seed])
    assert capsys.readouterr().out == first.out


def test_a_saved_trace_can_be_redrawn(capsys, tmp_path):
    path = tmp_path / "out.json"
    assert main(["generate", "abc", *TOY, "--seed", "7", "--max-tokens", "5", "--trace", str(path)]) == 0
    trace = Trace.load(path)
    assert len(trace.steps) == 5 and trace.redraw() == trace.token_ids and trace.prompt == "abc"
    assert capsys.readouterr().out == f"abc{trace.text}\n"


def test_temperature_zero_always_takes_the_first(capsys):
    main(["generate", "abc", *TOY, "--temperature", "0", "--max-tokens", "4"])
    assert capsys.readouterr().out == "abcdefg\n"


def test_a_stop_text_ends_the_text_before_itself(capsys):
    main(["generate", "abc", *TOY, "--temperature", "0", "--stop", "fg"])
    assert capsys.readouterr().out == "abcde\n"


def test_a_chat_answer_stands_without_the_question(capsys):
    main(["generate", "abc", *TOY, "--chat", "--temperature", "0", "--max-tokens", "3"])
    assert (
        capsys.readouterr().out == "\x0b\x0c\r\n"
    )  # the toy counts on from the template's last byte, a newline


def test_ctrl_c_keeps_what_was_drawn(capsys, tmp_path, monkeypatch):
    path, pieces = tmp_path / "out.json", []

    def interrupt(text: str) -> int:
        pieces.append(text)
        if len(pieces) == 4:
            raise KeyboardInterrupt
        return len(text)

    monkeypatch.setattr(sys.stdout, "write", interrupt)
    assert main(["generate", "abc", *TOY, "--seed", "7", "--trace", str(path)]) == 130
    trace = Trace.load(path)
    assert trace.finish_reason == "cancelled" and len(trace.steps) == 3


def test_ctrl_c_inside_the_model_ends_in_good_order(capsys, tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    first = ToyEngine.next_logits

    def interrupt(self, token_ids, *, request=None):
        if len(token_ids) > 3:
            raise KeyboardInterrupt
        return first(self, token_ids, request=request)

    monkeypatch.setattr(ToyEngine, "next_logits", interrupt)
    assert main(["generate", "abc", *TOY, "--trace", str(path)]) == 130
    assert Trace.load(path).finish_reason == "cancelled"
    assert "cli." not in capsys.readouterr().err


def test_a_failure_before_the_first_token_leaves_the_older_trace(capsys, tmp_path):
    path = tmp_path / "old.json"
    path.write_text("old")
    assert main(["generate", "a" * 600, *TOY, "--trace", str(path)]) == 2
    err = capsys.readouterr().err
    assert path.read_text() == "old" and "saved" not in err and "context" in err


def failing_after(n_tokens: int, monkeypatch) -> list[ToyEngine]:
    """The toy model fails there; the engines that were closed."""
    first, closed = ToyEngine.next_logits, []

    def fail(self, token_ids, *, request=None):
        if len(token_ids) >= n_tokens:
            raise EngineFailed("toy", "on purpose")
        return first(self, token_ids, request=request)

    monkeypatch.setattr(ToyEngine, "next_logits", fail)
    monkeypatch.setattr(ToyEngine, "close", lambda self: closed.append(self))
    return closed


def test_a_failure_in_the_middle_keeps_what_was_drawn_and_is_not_called_cancelled(tmp_path, monkeypatch):
    closed = failing_after(5, monkeypatch)
    assert main(["generate", "abc", *TOY, "--trace", str(tmp_path / "out.json")]) == 1
    trace = Trace.load(tmp_path / "out.json")
    assert (len(trace.steps), trace.finish_reason, len(closed)) == (2, None, 1)


def test_a_failed_save_hides_no_earlier_failure(capsys, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    closed = failing_after(5, monkeypatch)
    monkeypatch.setattr("os.fsync", full)
    assert main(["generate", "abc", *TOY, "--trace", str(tmp_path / "out.json")]) == 1
    err = capsys.readouterr().err
    assert "on purpose" in err and "No space left" in err and len(closed) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no /dev")
def test_a_device_takes_the_trace_and_stays_a_device():
    assert main(["generate", "abc", *TOY, "--max-tokens", "2", "--trace", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


# arguments, what the French and the English sentence must name, exit code
BAD_INPUT = [
    (["next", ""], "vide", "empty", 2),
    (["next", "a\udcff"], "moitié", "half", 2),
    (["next", "x" * 200_001], "200\u202f000", "200,000", 2),
    (["next", "a" * 600], "contexte", "context", 2),
    (["next", "a", "--top", "0"], "--top", "--top", 2),
    (["next", "a", "--top", "many"], "n'est pas un nombre entier", "is not an integer", 2),
    (["next", "a", "--temperature", "-1"], "temperature = -1", "temperature = -1", 2),
    (["next", "a", "--temperature", "nan"], "nan", "nan", 2),
    (["next", "a", "--temperature", "inf"], "inf", "inf", 2),
    (["next", "a", "--temperature", "warm"], "n'est pas un nombre", "is not a number", 2),
    (["next", "a", "--top-k", "-1"], "top_k = -1", "top_k = -1", 2),
    (["next", "a", "--top-k", "1.5"], "n'est pas un nombre entier", "is not an integer", 2),
    (["next", "a", "--top-p", "0"], "top_p = 0", "top_p = 0", 2),
    (["next", "a", "--top-p", "1.5"], "top_p = 1,5", "top_p = 1.5", 2),
    (["next", "a", "--min-p", "-0.1"], "min_p = -0,1", "min_p = -0.1", 2),
    (["next", "a", "--context-length", "0"], "--context-length", "--context-length", 2),
    (["next"], "il manque\u00a0: TEXTE", "missing: TEXT", 2),
    (["next", "a", "b"], "argument inconnu\u00a0: b", "unknown argument: b", 2),
    (["next", "a", "--nothing"], "argument inconnu\u00a0: --nothing", "unknown argument: --nothing", 2),
    (["nothing"], "'nothing'", "'nothing'", 2),
    (["--lang", "de", "next", "a"], "'de'", "'de'", 2),
    (["generate", ""], "vide", "empty", 2),
    (["generate", "a", "--seed", "-1"], "seed = -1", "seed = -1", 2),
    (["generate", "a", "--seed", "x"], "n'est pas un nombre entier", "is not an integer", 2),
    (["generate", "a", "--max-tokens", "0"], "max_tokens = 0", "max_tokens = 0", 2),
    (["generate", "a", "--stop", ""], "arrêt est vide", "is empty", 2),
    (["generate", "a", "--stop", "b\udcff"], "moitié", "half", 2),
    (["generate", "a", "--trace", "x" * 5000], "trop long", "too long", 1),
    (["generate", "a", "--trace", "/no/such/folder/out.json"], "introuvable", "No such file", 1),
    (["generate", "a", "--trace", "/"], "c'est un dossier", "Is a directory", 1),
]


@pytest.mark.parametrize(("arguments", "french", "english", "code"), BAD_INPUT)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_bad_input_is_one_sentence_and_a_code(capsys, monkeypatch, arguments, french, english, code, lang):
    monkeypatch.setenv("LOGITBOX_LANG", lang)
    toy = TOY if arguments[0] in ("next", "generate") and len(arguments) > 1 else []
    assert main([*arguments, *toy]) == code
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert (french if lang == "fr" else english) in captured.err
    assert "Traceback" not in captured.err and not re.search(r"\{[a-z]", captured.err)


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--engine", "abacus"], 2),
        (["--model", "nobody"], 2),
        (["--model", "/no/such/file.gguf"], 2),
        (["--model", __file__], 2),
        (["--model", "."], 2),
    ],
)
def test_a_model_that_is_none_is_one_sentence(capsys, arguments, code, lang):
    assert main(["next", "a", *arguments, "--lang", lang]) == code
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1 and "Traceback" not in captured.err


def test_a_nul_is_a_character_like_another(capsys):
    assert main(["next", "a\x00", *TOY]) == 0


def test_the_french_decimal_comma_is_understood(capsys):
    assert next_json(capsys, "--temperature", "0,5") == next_json(capsys, "--temperature", "0.5")


def test_an_unexpected_failure_is_one_sentence_that_says_how_to_see_more(capsys, monkeypatch):
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("ui.commands.next.load_model", crash)
    assert main(["next", "a", *TOY]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "ZeroDivisionError" in err and "LOGITBOX_DEBUG=1" in err
    monkeypatch.setenv("LOGITBOX_DEBUG", "1")
    main(["next", "a", *TOY])
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(capsys, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ui.commands.next.load_model", interrupt)
    assert main(["next", "a", *TOY]) == 130
    assert capsys.readouterr().err.strip().endswith("Stopped.")


def test_a_closed_pipe_is_no_error_message():
    command = [sys.executable, "-m", "ui", "next", "abc", "--engine", "toy", "--top", "260"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    process.wait(30)
    assert message == b""


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    "command", [[], ["next"], ["generate"], ["ui"], ["models"], ["data"], ["data", "move"]]
)
def test_help_is_whole_in_both_languages(capsys, command, lang):
    assert main([*command, "--help", "--lang", lang]) == 0
    out = capsys.readouterr().out
    assert "cli." not in out and "{" not in out
    english_words = ("usage:", "show this help")
    assert all((word in out) == (lang == "en") for word in english_words)


def test_no_command_shows_the_help(capsys):
    assert main([]) == 0
    assert "logitbox next" in capsys.readouterr().out


def test_the_parsers_own_words_are_put_back(capsys):
    import argparse

    before = argparse._, argparse.ngettext
    main(["next", "--lang", "fr"])
    assert (argparse._, argparse.ngettext) == before


def test_version(capsys):
    from models import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"logitbox {__version__}\n"


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_models_lists_what_is_here_and_what_the_catalogue_knows(capsys, lang):
    assert main(["models", "--lang", lang]) == 0
    out = capsys.readouterr().out
    assert "toy" in out and ("Catalogue" in out or "catalogue" in out)


def test_next_imports_nothing_of_the_page():
    heavy = (
        "gradio",
        "fastapi",
        "uvicorn",
        "starlette",
        "huggingface_hub",
        "jinja2",
        "torch",
        "transformers",
    )
    script = (
        "import sys; from ui.cli import main; main(['next', 'abc', '--engine', 'toy']); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stderr.strip() == "[]"


@pytest.mark.real
def test_paris_comes_first_and_everything_adds_up(capsys):
    assert main(["next", "The capital of France is", "--top", "5", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    first = body["rows"][0]
    assert (body["model"], body["engine"]) == ("smollm2-135m-instruct", "llama_cpp")
    assert first["text"] == " Paris" and 0.74 < first["probability"] < 0.80
    assert abs(sum(row["probability"] for row in body["rows"]) + body["others"]["probability"] - 1) < 1e-9


@pytest.mark.real
def test_a_seed_repeats_on_the_real_model_and_its_trace_redraws(capsys, tmp_path):
    texts = []
    for name in ("a.json", "b.json"):
        trace = ["--trace", str(tmp_path / name)]
        assert main(["generate", "Once upon a time", "--seed", "7", "--max-tokens", "20", *trace]) == 0
        texts.append(capsys.readouterr().out)
    first, second = Trace.load(tmp_path / "a.json"), Trace.load(tmp_path / "b.json")
    assert texts[0] == texts[1] and first.token_ids == second.token_ids == first.redraw()


@pytest.mark.real
@pytest.mark.parametrize("text", ["x" * 200_000, " a" * 100_000, "é" * 200_000])
def test_a_text_far_beyond_the_context_is_refused_in_good_time(capsys, text):
    started = time.monotonic()
    assert main(["next", text]) == 2
    assert "context" in capsys.readouterr().err and time.monotonic() - started < 10


@pytest.mark.parametrize(("arguments", "code"), [(["next", "ab", "--model", "toy"], 0), (["next", ""], 2)])
def test_the_quick_way_out_loses_neither_words_nor_code(arguments, code):
    """`next` leaves without the interpreter's tidying up; what it printed must have gone out before."""
    ran = subprocess.run(
        [sys.executable, "-m", "ui.cli", *arguments], capture_output=True, check=False, timeout=60
    )
    assert ran.returncode == code
    assert (b"c" in ran.stdout) == (code == 0) and bool(ran.stderr) == (code != 0)
