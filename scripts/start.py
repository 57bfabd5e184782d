"""Install Logitbox if need be, then open it.

python scripts/start.py  [--light] [--no-browser] [--port N] [--lang fr] [--repair]
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, only scripts/ would be found

from scripts.installer import command
from scripts.installer.sentences import here, lang_in, say

ROOT = Path(__file__).resolve().parent.parent


def parser(lang: str) -> ArgumentParser:
    parser = command.parser("start", lang)
    parser.add_argument("--port", type=int, help=say("help_port", lang))
    parser.add_argument("--no-browser", action="store_true", help=say("help_no_browser", lang))
    parser.add_argument("--light", action="store_true", help=say("help_light", lang))
    return parser


def ui_arguments(asked: Namespace) -> list[str]:
    """The part of our arguments that `logitbox ui` takes.

    >>> ui_arguments(Namespace(port=8000, lang=None, no_browser=True))
    ['ui', '--port', '8000', '--no-browser']
    """
    words = ["ui"]
    words += [] if asked.port is None else ["--port", str(asked.port)]
    words += ["--lang", asked.lang] if asked.lang else []
    return words + (["--no-browser"] if asked.no_browser else [])


def hand_over(python: Path, arguments: list[str]) -> int:
    """Become the application, so that Ctrl-C and a closed terminal reach it and nothing stays behind."""
    words = [str(python), "-P", "-m", "ui.cli", *arguments]  # -P: a models.py beside the learner is not ours
    if sys.platform == "win32":
        return _wait_for(words)  # exec would give the prompt back at once there
    os.execv(words[0], words)
    raise AssertionError("execv does not return")


def _wait_for(words: list[str]) -> int:
    with subprocess.Popen(words) as application:
        while True:
            try:
                return application.wait()
            except KeyboardInterrupt:
                continue  # the application got it too and is closing


def main(arguments: list[str]) -> int:
    lang = here(lang_in(arguments))
    asked = parser(lang).parse_args(arguments)
    if command.is_too_old(lang):
        return 1
    from scripts.installer.environment import Place, attempt  # needs Python 3.11
    from scripts.installer.requirements import FULL, LIGHT

    place = Place(ROOT, lang)
    status = attempt(place, LIGHT if asked.light else FULL, repair=asked.repair)
    if status:
        return status
    print(say("starting", lang), file=sys.stderr, flush=True)
    return hand_over(place.python, ui_arguments(asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
