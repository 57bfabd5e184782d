"""`logitbox ...`: reads the arguments, hands over to one command, turns an error into one sentence and a code.

Exit codes: 0 done; 1 it failed; 2 what was asked cannot be; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from models import HouseError, __version__
from ui.commands import COMMANDS
from ui.commands.arguments import Layout, Parser, Words, add_language, argparse_speaks, complain
from ui.debug import is_debugging
from ui.errors import InternalError
from ui.i18n import error_sentence, from_environment, from_tag, say

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    lang = chosen_language(arguments)
    _tolerate_narrow_terminals()
    try:
        with argparse_speaks(lang):
            args = _parse(arguments, lang)
    except SystemExit as finished:  # argparse has already said why, or shown the help
        return finished.code if isinstance(finished.code, int) else BAD_INPUT
    return _run(args, lang)


def chosen_language(arguments: Sequence[str]) -> str:
    """--lang wherever it stands, for the parser itself must already speak it; else the environment's language."""
    for i, argument in enumerate(arguments):
        value = argument.removeprefix("--lang=") if "=" in argument else "".join(arguments[i + 1 : i + 2])
        if argument.split("=")[0] == "--lang" and from_tag(value):
            return from_tag(value) or "en"
    return from_environment()


def _parse(arguments: list[str], lang: str) -> argparse.Namespace:
    """Only the module of the command in use is imported; the others are a line in the help."""
    words = Words(lang)
    Parser.lang = lang
    parser = Parser(
        prog="logitbox",
        description=words.help("program"),
        epilog=words.help("program_end"),
        formatter_class=Layout,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"logitbox {__version__}", help=words.help("version")
    )
    add_language(parser, words)
    commands = parser.add_subparsers(
        dest="command", metavar=words("help.command"), title=words("help.commands")
    )
    for name in COMMANDS:
        is_used = name in arguments
        command = commands.add_parser(
            name,
            help=words.help(name),
            description=words.help(f"{name}_more"),
            epilog=words.help(f"{name}_end") if name in ("next", "generate", "search") else None,
            formatter_class=Layout,
            allow_abbrev=False,
        )
        if is_used:
            importlib.import_module(COMMANDS[name]).add_arguments(command, words)
        add_language(command, words)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        parser.exit()
    return args


def _run(args: argparse.Namespace, lang: str) -> int:
    prog = f"logitbox {args.command}"
    try:
        code: int = importlib.import_module(COMMANDS[args.command]).run(args, lang)
        if sys.stdout is not None:  # None when it was closed before we started
            sys.stdout.flush()  # a broken pipe shows here at the latest, while it can be caught
        return code
    except HouseError as error:
        complain(prog, _placed(error, lang))
        if is_debugging():
            traceback.print_exc()
        return BAD_INPUT if isinstance(error, ValueError | LookupError) else FAILED
    except KeyboardInterrupt:
        complain(prog, say(lang, "cli.interrupted"))
        return INTERRUPTED
    except BrokenPipeError:
        # the reader (head, less) has left: point stdout elsewhere, or the interpreter complains at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the outermost caller: a person gets one sentence, never a traceback
        return _unexpected(prog, error, lang)


def _placed(error: HouseError, lang: str) -> str:
    """The sentence; where a step of a chain is at fault, its number stands before it."""
    step, sentence = getattr(error, "step", None), error_sentence(error, lang)
    return sentence if step is None else say(lang, "cli.at_step", n=step + 1, sentence=sentence)


def _unexpected(prog: str, error: Exception, lang: str) -> int:
    what = error_sentence(InternalError(), lang)
    complain(prog, f"{what} ({type(error).__name__}: {error}) {say(lang, 'cli.details')}")
    if is_debugging():
        traceback.print_exception(error)
    return FAILED


def _tolerate_narrow_terminals() -> None:
    """A Windows pipe may lack the glyph for a space; a question mark is better than no answer."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def entry() -> NoReturn:
    """What the command `logitbox` runs.

    After `next` the interpreter would spend 20 ms on freeing memory that the system frees anyway: a twentieth of the
    whole command. It has nothing else to put in order; the other commands end as usual.
    """
    code = main()
    if sys.argv[1:2] == ["next"]:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # None when it was closed before we started
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    entry()
