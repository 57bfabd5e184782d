"""Both languages say everything, with the same blanks."""

from __future__ import annotations

import ast
import errno
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import load
from models.errors import BrokenLogits, ContextFull, HouseError, NotAModel
from sandbox.errors import LogitsInfinite, LogitsNotANumber
from ui.errors import PortInUse
from ui.i18n import (
    error_sentence,
    fill,
    from_accept_language,
    from_environment,
    locale_sections,
    number,
    say,
    translated,
)

ROOT = Path(__file__).parent.parent
ROOMS = ("models.errors", "sandbox.errors", "ui.errors")


def leaves(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from leaves(value, f"{path}/{i}")
    else:
        yield path, str(node)


def all_errors(kind: type[HouseError] = HouseError) -> set[type[HouseError]]:
    for room in ROOMS:
        importlib.import_module(room)
    own = {k for k in kind.__subclasses__() if k.__module__ in ROOMS}
    return own.union(*(all_errors(k) for k in own))


def test_both_languages_have_the_same_keys():
    english, french = (dict(leaves(locale_sections(lang))) for lang in ("en", "fr"))
    assert english.keys() == french.keys()


def test_both_languages_fill_the_same_blanks():
    english, french = (dict(leaves(locale_sections(lang))) for lang in ("en", "fr"))
    for path, sentence in english.items():
        if path.startswith("/phrases/a list of {role"):
            continue  # braces of an example, no blanks
        blanks = [
            sorted(set(re.findall(r"\{(\w*)\}|(%\(\w+\)[sr]|%[sr])", text)))
            for text in (sentence, french[path])
        ]
        assert blanks[0] == blanks[1], path


def test_no_text_is_empty():
    for lang in ("en", "fr"):
        assert all(text.strip() for _, text in leaves(locale_sections(lang)))


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("kind", sorted(all_errors(), key=lambda kind: kind.__name__))
def test_every_error_has_its_sentence(kind, lang):
    assert kind.__name__ in locale_sections(lang)["errors"]


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_sentence_belongs_to_an_error(lang):
    # the page adds codes of its own, for what never reached the server
    of_the_page = {"Aborted", "ServerUnreachable", "UnexpectedAnswer", "HouseError"}
    names = {kind.__name__ for kind in all_errors()} | of_the_page
    assert set(locale_sections(lang)["errors"]) - names == set()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_blanks_of_a_sentence_are_attributes_of_its_error(lang):
    for kind in all_errors():
        code = getattr(kind.__init__, "__code__", None)  # an error without data of its own has none
        names = {*code.co_names, *code.co_varnames} if code else set()
        blanks = set(re.findall(r"\{(\w+)\}", locale_sections(lang)["errors"][kind.__name__]))
        assert blanks <= names, kind.__name__


def test_french_typography_has_no_english_habits():
    for path, text in leaves(locale_sections("fr")["errors"]):
        assert not re.search(r"\w[;!?:](\s|$)", text), path  # a space stands before these signs


def test_every_error_is_raised_somewhere():
    tables = {ROOT / f"{room.replace('.', '/')}.py" for room in ROOMS}
    files = {path for room in ("models", "sandbox", "ui") for path in (ROOT / room).rglob("*.py")} - tables
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    unused = [kind.__name__ for kind in all_errors() if kind.__name__ not in code]
    parents = {base.__name__ for kind in all_errors() for base in kind.__bases__}
    assert set(unused) - parents == set()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_one_token_is_not_many(lang):
    said = [error_sentence(ContextFull(8, 7), lang)]
    said += [error_sentence(kind(1, 260), lang) for kind in (BrokenLogits, LogitsNotANumber, LogitsInfinite)]
    ends = locale_sections(lang)["cli"]["generate"]["finished"]
    said += [fill(sentence, {"n_tokens": 1}, lang) for sentence in ends.values()]
    assert [text for text in said if re.search(r"\b1 (de )?(jetons|tokens|logits)", text)] == []


@pytest.mark.parametrize(
    "reason", [os.strerror(n) for n in (errno.EPERM, errno.EIO, errno.EDQUOT, errno.EEXIST)]
)
def test_a_refusal_of_the_system_is_said_in_french(reason):
    assert translated(reason, "fr") != reason


def test_what_a_file_claims_to_hold_is_named_in_french():
    assert translated("it claims 200000 metadata keys", "fr") == "il annonce 200000 clés de métadonnées"
    assert translated("it claims 200000 tensors", "fr") == "il annonce 200000 tenseurs"


def test_a_phrase_inside_an_error_is_translated_too():
    error = NotAModel("x", "there is no such file")
    assert "ce fichier n'existe pas" in error_sentence(error, "fr")


def reasons_in(source: str) -> Iterator[str]:
    """Every phrase given as the reason of an error, its blanks filled with a 7."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        name, reason = getattr(node.exc.func, "id", ""), node.exc.args[-1]
        if name not in ("NotAModel", "DamagedModel", "_BadHeader", "ChatTemplateError", "EngineFailed"):
            continue
        pieces = reason.values if isinstance(reason, ast.JoinedStr) else [reason]
        text = "".join(str(piece.value) if isinstance(piece, ast.Constant) else "7" for piece in pieces)
        if isinstance(reason, ast.Constant | ast.JoinedStr) and " " in text.replace(": ", ""):
            yield text


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.py")), ids=lambda path: path.stem)
def test_every_reason_written_in_the_code_is_known_in_french(path):
    for reason in reasons_in(path.read_text(encoding="utf-8")):
        assert translated(reason, "fr") != reason


@pytest.mark.parametrize(
    ("content", "french"),
    [
        (b"<html>", "il ne commence pas comme un fichier GGUF"),
        (b"GGUF", "il s'arrête au milieu de son en-tête"),
        (b"GGUF\x09\0\0\0" + bytes(64), "la version 9 de GGUF n'est pas connue"),
    ],
)
def test_a_damaged_file_is_explained_in_french(tmp_path, content, french):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(HouseError) as caught:
        load(path)
    assert french in error_sentence(caught.value, "fr")


def test_a_subclass_without_a_sentence_borrows_that_of_its_parent():
    class NewKind(NotAModel):
        pass

    assert error_sentence(NewKind("x", "why"), "en") == error_sentence(NotAModel("x", "why"), "en")


def test_a_value_cannot_smuggle_a_blank():
    assert fill("{path} {reason}", {"path": "{reason}", "reason": "x"}, "en") == "{reason} x"


def test_a_port_is_a_name_and_not_a_count():
    assert "65535" in error_sentence(PortInUse(65535, 65534), "fr")


def test_numbers_are_written_as_their_reader_writes_them():
    assert [number(0.5, "fr"), number(1_000_000, "fr"), number(1_000_000, "en")] == [
        "0,5",
        "1\u202f000\u202f000",
        "1,000,000",
    ]
    assert number(-1234.5, "en") == "-1234.5"


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("fr", "fr"),
        ("fr-CA,en", "fr"),
        ("en,fr", "en"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
        ("*;q=0.1", "en"),
        (";q=,;;", "en"),
    ],
)
def test_the_browsers_first_known_language_wins(header, lang):
    assert from_accept_language(header) == lang


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({"LC_ALL": "fr_FR.UTF-8", "LANG": "en_US"}, "fr"),
        ({"LC_MESSAGES": "fr_BE", "LANG": "en_US"}, "fr"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LOGITBOX_LANG": "fr", "LC_ALL": "C"}, "fr"),
        ({"LC_ALL": "", "LANG": "fr"}, "fr"),
    ],
)
def test_the_terminal_says_its_language_in_the_usual_order(environ, lang):
    assert from_environment(environ) == lang


def test_an_unknown_key_shows_itself():
    assert say("en", "cli.no.such.text") == "cli.no.such.text"
