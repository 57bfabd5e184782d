"""Arguments that several commands share, and argparse speaking the reader's language."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from models import LoadedModel, load
from models.engines import ENGINES
from models.text import MAX_CHARACTERS
from sandbox.chain import SamplerChain
from sandbox.presets import PRESETS
from sandbox.settings import NEUTRAL, SamplingSettings
from ui.errors import FileUnreadable, NotJson, NotTogether
from ui.i18n import LANGUAGES, locale_sections, say

KNOBS = ("temperature", "top_k", "top_p", "min_p")


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
    parser: argparse.ArgumentParser, words: Words, defaults: SamplingSettings, *, show_defaults: bool
) -> None:
    """The four knobs, a whole chain instead of them, and a constraint before either; see `chain_and_settings`."""
    group = parser.add_argument_group(words("help.chain_group"))
    readers = {
        "temperature": words.number,
        "top_k": words.integer,
        "top_p": words.number,
        "min_p": words.number,
    }
    metavars = {"temperature": "T", "top_k": "K", "top_p": "P", "min_p": "P"}
    for knob, reader in readers.items():
        shown = f" [{getattr(defaults, knob):g}]" if show_defaults else ""
        group.add_argument(_option(knob), type=reader, metavar=metavars[knob], help=words.help(knob) + shown)
    group.add_argument("--chain", metavar=words("metavar.file_or_json"), help=words.help("chain"))
    presets = " [" + ", ".join(PRESETS) + "]"
    group.add_argument(
        "--preset", choices=PRESETS, metavar=words("metavar.library"), help=words.help("preset") + presets
    )
    _add_constraint_arguments(parser, words)


def _add_constraint_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    group = parser.add_argument_group(words("help.constraint_group")).add_mutually_exclusive_group()
    text = words("metavar.text")
    group.add_argument("--choice", action="append", metavar=text, help=words.help("choice"))
    group.add_argument("--schema", metavar=words("metavar.file_or_json"), help=words.help("schema"))
    group.add_argument("--regex", metavar="REGEX", help=words.help("regex"))
    group.add_argument("--grammar", metavar=words("metavar.file"), help=words.help("grammar"))


def chain_and_settings(
    args: argparse.Namespace, defaults: SamplingSettings
) -> tuple[SamplerChain, SamplingSettings]:
    """The chain the arguments ask for, and the flat settings that go with it.

    A constraint comes first; then --chain, or --preset in that library's order, or the knobs in ours. Raises
    NotTogether, NotJson, FileUnreadable, and what `SamplerChain.from_steps` raises.
    """
    given = {knob: getattr(args, knob) for knob in KNOBS if getattr(args, knob) is not None}
    if args.chain is not None:
        others = [*given, *(["preset"] if args.preset is not None else [])]
        if others:
            raise NotTogether("--chain", _option(others[0]))
        steps, settings = _json("--chain", text_or_file(args.chain, "[")), NEUTRAL
    elif args.preset is not None:
        preset = PRESETS[args.preset]
        steps, settings = (preset.with_knobs(**given) if given else preset.steps_that_act), NEUTRAL
    else:
        settings = defaults.updated(**given)
        steps = settings.chain().to_steps()
    if isinstance(steps, list) and (constraint := _constraint(args)):
        steps = [constraint, *steps]
    return SamplerChain.from_steps(steps), settings


def _constraint(args: argparse.Namespace) -> dict[str, object] | None:
    texts = {
        "choice": args.choice and json.dumps(args.choice, ensure_ascii=False),
        "json_schema": args.schema and text_or_file(args.schema, "{"),
        "regex": args.regex,
        "lark": args.grammar and text_or_file(args.grammar),
    }
    # an empty text is a mistake, which the sampler names; None is an option not given
    return next(
        (
            {"sampler": "grammar", "kind": kind, "grammar": text}
            for kind, text in texts.items()
            if text is not None
        ),
        None,
    )


def text_or_file(given: str, begins: str = "") -> str:
    """The text itself where it begins like one, otherwise the file of that name. Raises FileUnreadable."""
    if begins and given.lstrip().startswith(begins):
        return given
    try:
        with Path(given).open(encoding="utf-8-sig") as file:  # Windows editors put a mark at the beginning
            return file.read(MAX_CHARACTERS)
    except UnicodeDecodeError:
        raise FileUnreadable(given, "it is not UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileUnreadable(given, getattr(error, "strerror", None) or str(error)) from None


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotJson(option, f"no JSON from line {error.lineno}, column {error.colno} on") from None
    except RecursionError:
        raise NotJson(option, "it is nested too deep") from None


def _option(knob: str) -> str:
    return f"--{knob.replace('_', '-')}"


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
