"""Arguments that several commands share, and argparse speaking the reader's language."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from models import LoadedModel, load
from models.engines import ENGINES
from ui.i18n import LANGUAGES, locale_sections, say


class Words:
    """The texts of the command line in one language, and readers of numbers that complain in it."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def __call__(self, key: str, **values: object) -> str:
        return say(self.lang, f"cli.{key}", **values)

    def help(self, key: str) -> str:
        return self(f"help.{key}").replace("%", "%%")  # argparse expands % in help texts

    def number(self, text: str) -> float:
        """A number; the French decimal comma is one too. NaN passes here: the knob's own interval refuses it."""
        try:
            return float(text.replace(",", "."))
        except ValueError:
            raise argparse.ArgumentTypeError(self("not_a_number", text=_shown(text))) from None

    def integer(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(self("not_an_integer", text=_shown(text))) from None

    def count(self, text: str) -> int:
        """An integer from 1 up."""
        value = self.integer(text)
        if value < 1:
            raise argparse.ArgumentTypeError(self("not_a_count", text=_shown(text)))
        return value


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without repeating the usage."""

    def error(self, message: str) -> NoReturn:
        hint = _argparse_words(self.lang).get("see", "see: {prog} --help").replace("{prog}", self.prog)
        self.exit(2, f"{self.prog}: {message} ({hint})\n")

    lang = "en"


class Layout(argparse.RawDescriptionHelpFormatter):
    """Wraps the description as usual and keeps the lines of the examples below it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


@contextmanager
def argparse_speaks(lang: str) -> Iterator[None]:
    """argparse looks its own words up in two functions of its module; exchange them while it works.

    Python ships no translations of them. A message that a newer Python words otherwise stays English.
    """
    known = _argparse_words(lang)
    before = argparse._, argparse.ngettext  # type: ignore[attr-defined]  # private names, hence the tests of both
    argparse._ = lambda message: known.get(message, message)  # type: ignore[attr-defined]
    argparse.ngettext = lambda one, many, n: known.get(one if n == 1 else many, one if n == 1 else many)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        argparse._, argparse.ngettext = before  # type: ignore[attr-defined]


def add_language(parser: argparse.ArgumentParser, words: Words) -> None:
    # suppressed when absent, or a command's default would hide a --lang given before the command
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        metavar="|".join(LANGUAGES),
        default=argparse.SUPPRESS,
        help=words.help("lang"),
    )


def add_model_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    group = parser.add_argument_group(words("help.model_group"))
    group.add_argument("--model", metavar=words("metavar.model"), help=words.help("model"))
    group.add_argument("--engine", metavar="|".join(ENGINES), help=words.help("engine"))
    group.add_argument("--context-length", type=words.count, metavar="N", help=words.help("context_length"))


def add_chain_arguments(
    parser: argparse.ArgumentParser, words: Words, defaults: dict[str, float | None]
) -> None:
    """The four knobs; `defaults` are what the command uses when a knob is not given."""
    group = parser.add_argument_group(words("help.chain_group"))
    readers = {
        "temperature": words.number,
        "top_k": words.integer,
        "top_p": words.number,
        "min_p": words.number,
    }
    metavars = {"temperature": "T", "top_k": "K", "top_p": "P", "min_p": "P"}
    for knob, reader in readers.items():
        default = defaults[knob]
        shown = "" if default is None else f" [{default:g}]"
        group.add_argument(
            f"--{knob.replace('_', '-')}",
            type=reader,
            default=default,
            metavar=metavars[knob],
            help=words.help(knob) + shown,
        )


def load_model(args: argparse.Namespace, lang: str) -> LoadedModel:
    """The model the arguments name; a slower stand-in is announced on stderr."""
    model = load(args.model, engine=args.engine, context_length=args.context_length)
    if model.is_slower_fallback:
        note = say(lang, "cli.slower_fallback", engine=model.engine.name)
        print(say(lang, "cli.warning", message=note), file=sys.stderr)
    return model


def prompt_token_ids(text: str, model: LoadedModel, *, is_chat: bool) -> list[int]:
    """Token ids of a text, or of one question in the model's chat template."""
    if is_chat:
        from models.chat import render  # jinja2 takes 40 ms, and nothing else needs it

        return render([{"role": "user", "content": text}], model).token_ids
    return model.tokenizer.encode(text)


def complain(prog: str, message: str) -> None:
    print(f"{prog}: {_shown(message)}", file=sys.stderr)


def _shown(text: str) -> str:
    """Arguments come back to the terminal in messages: without what a terminal would obey."""
    from ui.views.tokens import printable

    return printable(text)


def _argparse_words(lang: str) -> dict[str, str]:
    words: dict[str, str] = locale_sections(lang)["cli"]["argparse"]
    return words
