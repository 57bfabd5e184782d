"""The documents say what is true: links lead somewhere, options exist, the version is in the changelog, generated
pages are up to date.

The README's Python block is run by tests/test_scripts_docs.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, only scripts/ would be found


def documents(root: Path = ROOT) -> list[Path]:
    """Every Markdown file that we wrote."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def fenced(text: str, language: str) -> list[str]:
    """The bodies of the blocks opened with ```language.

    >>> fenced("a\\n```python\\nx = 1\\n```\\nb\\n", "python")
    ['x = 1\\n']
    """
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def broken_links(document: Path) -> list[str]:
    """Relative links and pictures that lead to no file, and anchors that no heading of that file has."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    complaints = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = document.parent / path if path else document
        if not place.exists():
            complaints.append(f"{document.name}: {target} leads nowhere")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
            complaints.append(f"{document.name}: {target} names no heading")
    return complaints


def anchors(text: str) -> set[str]:
    """The anchors that headings get on the usual hosts.

    >>> sorted(anchors("# Two words\\n## C'est l'été !\\n"))
    ['cest-lété-', 'two-words']
    """
    titles = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each `logitbox` command or script shown in a block: its subcommand or path, and the options it is given.

    >>> commands("```\\nlogitbox next \\"a -- b\\" --top 5\\npython scripts/start.py --light\\n```\\n")
    [('next', ['--top']), ('scripts/start.py', ['--light'])]
    """
    found = []
    for block in fenced(text, "[a-z]*"):
        for line in block.splitlines():
            start = re.match(r"(?:\$ )?(?:logitbox|python3? (?=scripts/)) ?([\w./-]*)", line)
            if start:
                options = re.findall(r"(?<=\s)--[a-z][\w-]*", re.sub(r"\"[^\"]*\"|\s#\s.*", "", line))
                found.append((start[1], options))
    return found


@cache
def help_of(command: str) -> str:
    """What `--help` prints for a subcommand of logitbox, or for a script."""
    words = [command] if command.endswith(".py") else ["-m", "ui.cli", *([command] if command else [])]
    ran = subprocess.run(
        [sys.executable, *words, "--help"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return ran.stdout if ran.returncode == 0 else ""


def unknown_options(document: Path, helps: Callable[[str], str] = help_of) -> list[str]:
    """Commands and options that the documents show and the program does not know."""
    complaints = []
    for command, options in commands(document.read_text(encoding="utf-8")):
        text = helps("" if command.startswith("-") else command)
        if not text:
            complaints.append(f"{document.name}: {command} --help fails")
        asked = [*options, *([command] if command.startswith("-") else [])]
        unknown = [option for option in asked if text and not re.search(rf"{option}(?![\w-])", text)]
        complaints += [f"{document.name}: {command} has no option {option}" for option in unknown]
    return complaints


def version(root: Path = ROOT) -> str:
    """The version, read where the wheel takes it from."""
    place = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["version"][
        "path"
    ]
    found = re.search(r'^__version__ = "(.+)"', (root / place).read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def changelog_complaints(root: Path = ROOT) -> list[str]:
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    return [] if f"## {version(root)}" in text else [f"CHANGELOG.md has no heading for {version(root)}"]


def generated_complaints(generated: str, page: Path = ROOT / "docs" / "sampler_orders.md") -> list[str]:
    """A page that is not what its script writes, byte for byte."""
    if page.exists() and page.read_text(encoding="utf-8") == generated:
        return []
    return [f"{page.name} is not what scripts/sampler_orders.py writes; run it"]


def complaints(files: Iterable[Path]) -> list[str]:
    return [line for file in files for line in (*broken_links(file), *unknown_options(file))]


if __name__ == "__main__":
    from scripts import sampler_orders

    found = [*changelog_complaints(), *generated_complaints(sampler_orders.page()), *complaints(documents())]
    print("\n".join(found))
    sys.exit(1 if found else 0)
