"""Install Logitbox and the test tools, then run every gate.

python scripts/test.py  [--long] [--lang fr] [--repair]
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, only scripts/ would be found

from scripts.installer import command
from scripts.installer.sentences import here, lang_in, say

ROOT = Path(__file__).resolve().parent.parent


def parser(lang: str) -> ArgumentParser:
    parser = command.parser("test", lang)
    parser.add_argument("--long", action="store_true", help=say("help_long", lang))
    return parser


def install_system_packages(lang: str) -> None:
    """The only step outside .venv: a browser and Node, on Debian as root. Elsewhere say what to type."""
    from scripts.installer import browsers
    from scripts.installer.running import run_logged

    wanted = browsers.apt_packages(
        has_browser=browsers.find_browser() is not None,
        has_node=browsers.find_node() is not None,
        is_debian_root=browsers.is_debian_root(),
    )
    if wanted:
        title, log = say("step_apt", lang, packages=", ".join(wanted)), ROOT / ".venv" / "apt.log"
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            run_logged(["apt-get", *words], title=title, log=log, env=env)
    if browsers.find_browser() is None:
        print(say("no_browser", lang, command=browsers.browser_command()), file=sys.stderr)
    if browsers.find_node() is None:
        print(say("no_node", lang, command=browsers.node_command()), file=sys.stderr)


def main(arguments: list[str]) -> int:
    lang = here(lang_in(arguments))
    asked = parser(lang).parse_args(arguments)
    if command.is_too_old(lang):
        return 1
    from scripts.installer.environment import Place, attempt  # needs Python 3.11
    from scripts.installer.requirements import FULL

    place = Place(ROOT, lang)
    status = attempt(place, (*FULL, "dev"), repair=asked.repair)
    if status:
        return status
    install_system_packages(lang)
    print(say("checking", lang), file=sys.stderr, flush=True)
    words = [str(place.python), "scripts/check.py", *(["--long"] if asked.long else [])]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
