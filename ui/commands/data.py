"""`logitbox data`: where everything lies and how large it is; move it, erase it."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.home import check_ours, chosen_by, data_dir, erase_home, move_home, size_of
from models.library import embedded_file
from ui.commands.arguments import Words, add_language
from ui.commands.models import size
from ui.i18n import say
from ui.views.tokens import printable


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar=words("help.action"), title=words("help.data_action")
    )
    move = actions.add_parser("move", help=words.help("move"), allow_abbrev=False)
    move.add_argument("folder", type=Path, metavar=words("metavar.folder"), help=words.help("move_dir"))
    erase = actions.add_parser("erase", help=words.help("erase"), allow_abbrev=False)
    for action in (move, erase):
        add_language(action, words)
    erase.add_argument("--yes", action="store_true", help=words.help("yes"))


def run(args: argparse.Namespace, lang: str) -> int:
    if args.action == "move":
        target = move_home(args.folder)
        print(say(lang, "cli.data.moved", path=printable(str(target))))
        return 0
    return _erase(args, lang) if args.action == "erase" else _show(lang)


def _show(lang: str) -> int:
    folder = data_dir()
    n_files, n_bytes = size_of(folder)
    held = size(n_bytes, lang) if n_files else say(lang, "cli.data.none_yet")
    chosen = {"variable": "chosen_by_home", "moved": "chosen_by_move"}.get(chosen_by())
    why = f", {say(lang, f'cli.data.{chosen}')}" if chosen else ""
    print(f"{say(lang, 'cli.data.folder')}\n  {printable(str(folder))} ({held}{why})")
    embedded = embedded_file()
    if embedded is not None:
        print(say(lang, "cli.data.models"))
        n_bytes = embedded.stat().st_size
        print(f"  {printable(str(embedded))} ({size(n_bytes, lang)}, {say(lang, 'cli.data.in_package')})")
    print(say(lang, "cli.data.browser"))
    return 0


def _erase(args: argparse.Namespace, lang: str) -> int:
    folder = data_dir()
    path = printable(str(folder))
    if not folder.exists():
        print(say(lang, "cli.data.nothing_to_erase", path=path))
        return 0
    check_ours(folder)
    if not args.yes and not _agrees(
        say(lang, "cli.data.erase_question", path=path, size=_held(folder, lang)), lang
    ):
        print(say(lang, "cli.data.not_erased"))
        return 1
    erase_home()
    print(say(lang, "cli.data.erased", path=path))
    return 0


def _held(folder: Path, lang: str) -> str:
    return size(size_of(folder)[1], lang)


def _agrees(question: str, lang: str) -> bool:
    """No answer (a pipe, Ctrl-D) is a no."""
    try:
        answer = input(question)
    except EOFError:
        return False
    return answer.strip().lower() in say(lang, "cli.data.yes_words").split()
