"""`logitbox generate`: continue a text, token by token, as it comes."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from models.text import check_text
from sandbox.errors import TraceUnwritable
from sandbox.generate import Generation, generate
from sandbox.settings import DEFAULT_GENERATE, RNG
from ui.commands.arguments import (
    Words,
    add_chain_arguments,
    add_model_arguments,
    chain_and_settings,
    complain,
    load_model,
    prompt_token_ids,
)
from ui.i18n import error_sentence, number, say
from ui.views.chain_line import chain_line
from ui.views.tokens import printable

KNOBS = ("temperature", "top_k", "top_p", "min_p")
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    parser.add_argument("text", metavar=words("metavar.text"), help=words.help("text"))
    parser.add_argument("--seed", type=words.integer, metavar="N", help=words.help("seed"))
    parser.add_argument(
        "--rng", default=DEFAULT_GENERATE.rng, metavar="|".join(RNG.choices), help=words.help("rng")
    )
    n_tokens = DEFAULT_GENERATE.max_tokens
    parser.add_argument(
        "--max-tokens",
        type=words.integer,
        default=n_tokens,
        metavar="N",
        help=words.help("max_tokens") + f" [{n_tokens}]",
    )
    parser.add_argument(
        "--stop", action="append", default=[], metavar=words("metavar.text"), help=words.help("stop")
    )
    parser.add_argument("--trace", type=Path, metavar=words("metavar.file"), help=words.help("trace"))
    parser.add_argument("--chat", action="store_true", help=words.help("chat"))
    add_chain_arguments(parser, words, DEFAULT_GENERATE, show_defaults=True)
    add_model_arguments(parser, words)


def run(args: argparse.Namespace, lang: str) -> int:
    """Everything that can be refused without the model is refused before it is loaded."""
    chain, settings = chain_and_settings(args, DEFAULT_GENERATE)
    settings = settings.updated(
        seed=args.seed, rng=args.rng, max_tokens=args.max_tokens, stop=tuple(args.stop)
    )
    check_text(args.text)
    if args.trace is not None:
        check_writable(args.trace)
    with contextlib.closing(load_model(args, lang)) as model:
        token_ids = prompt_token_ids(args.text, model, is_chat=args.chat)
        generation = generate(model, token_ids, settings, chain=chain, prompt=args.text)
        _echo_settings(generation, lang)
        with _kept(generation, args.trace, lang):
            code = _stream(generation, "" if args.chat else args.text)
            _say_finish(generation, lang)
    return code


def check_writable(path: Path) -> None:
    """Before minutes of drawing, not after. Raises TraceUnwritable."""
    try:
        reason = _obstacle(path)
    except OSError as error:  # a name too long, a folder we may not look into
        reason = error.strerror or str(error)
    if reason:
        raise TraceUnwritable(str(path), reason)


def _obstacle(path: Path) -> str | None:
    if path.is_dir():
        return "Is a directory"
    if path.exists() and not path.is_file():  # a pipe or a device needs no folder of ours
        return None if os.access(path, os.W_OK) else "Permission denied"
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        return "No such file or directory"
    return None if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"


@contextlib.contextmanager
def _kept(generation: Generation, path: Path | None, lang: str) -> Iterator[None]:
    """Save what was drawn, also when the reader of stdout has left or the model has failed; its error comes first."""
    try:
        yield
    except BaseException:
        generation.close()
        try:
            _save(generation, path, lang)
        except TraceUnwritable as unsaved:
            complain("logitbox generate", error_sentence(unsaved, lang))
        raise
    _save(generation, path, lang)


def _stream(generation: Generation, prompt: str) -> int:
    """Print the prompt and each piece when it is certain. Ctrl-C ends the text, and what was drawn stays."""
    is_terminal = sys.stdout.isatty()
    try:
        for piece in _pieces(generation, prompt):
            sys.stdout.write(printable(piece) if is_terminal else piece)
            sys.stdout.flush()
        code = 0
    except KeyboardInterrupt:
        generation.close()
        code = INTERRUPTED
    sys.stdout.write("\n")
    sys.stdout.flush()
    return code


def _pieces(generation: Generation, prompt: str) -> Iterator[str]:
    yield prompt
    for step in generation:
        yield step.text


def _echo_settings(generation: Generation, lang: str) -> None:
    """The four knobs where they are the whole chain; otherwise the chain."""
    settings, steps = generation.settings, generation.chain.to_steps()
    shown = {knob: number(getattr(settings, knob), lang) for knob in KNOBS}
    key = "settings"
    if steps != settings.chain().to_steps():
        key, shown = "chain_settings", {"chain": chain_line(steps, lang)}
    line = say(
        lang, f"cli.generate.{key}", **shown, seed=str(generation.seed), max_tokens=settings.max_tokens
    )
    print(line, file=sys.stderr, flush=True)
    if settings.rng != DEFAULT_GENERATE.rng:
        print(say(lang, "cli.generate.rng", rng=settings.rng), file=sys.stderr, flush=True)


def _say_finish(generation: Generation, lang: str) -> None:
    trace = generation.trace
    n_tokens = len(trace.steps)
    print(say(lang, f"cli.generate.finished.{trace.finish_reason}", n_tokens=n_tokens), file=sys.stderr)
    if generation.is_complete is False:  # None: nothing says what a complete answer is
        print(say(lang, "cli.generate.unfinished"), file=sys.stderr)


def _save(generation: Generation, path: Path | None, lang: str) -> None:
    if path is None or not generation.trace.steps:  # an empty trace must not replace an older one
        return
    generation.trace.save(path)
    print(say(lang, "cli.generate.trace_saved", path=printable(str(path))), file=sys.stderr)
