"""The checks on the documents see what they are for, and the README's Python runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_docs, sampler_orders

ROOT = Path(__file__).parent.parent


def document(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_link_to_nowhere_is_seen(tmp_path):
    page = document(tmp_path, "# Here\n[a](gone.md) [b](page.md) [c](#here) [d](#there) [e](https://x.org)\n")
    assert check_docs.broken_links(page) == [
        "page.md: gone.md leads nowhere",
        "page.md: #there names no heading",
    ]


def test_an_option_that_does_not_exist_is_seen(tmp_path):
    page = document(tmp_path, '```\nlogitbox next "x" --top 5 --tpo 5\n```\n')
    assert check_docs.unknown_options(page, lambda command: "--top N") == [
        "page.md: next has no option --tpo"
    ]


def test_a_command_that_does_not_exist_is_seen(tmp_path):
    page = document(tmp_path, '```\nlogitbox nxet "x"\n```\n')
    assert check_docs.unknown_options(page, lambda command: "") == ["page.md: nxet --help fails"]


def test_a_version_missing_from_the_changelog_is_seen(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/__init__.py").write_text('__version__ = "9.9.9"\n')
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "CHANGELOG.md").write_text("## 0.1.0\n")
    assert check_docs.changelog_complaints(tmp_path) == ["CHANGELOG.md has no heading for 9.9.9"]


@pytest.mark.real
def test_the_python_of_the_readme_runs_and_leaves_a_trace(tmp_path):
    block = "\n".join(check_docs.fenced((ROOT / "README.md").read_text(encoding="utf-8"), "python"))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=tmp_path, env=env, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "Paris" in ran.stdout
    assert "('temperature', 49152)" in ran.stdout
    (saved,) = tmp_path.glob("*.json")
    assert json.loads(saved.read_text(encoding="utf-8"))["steps"]


def test_the_page_of_sampler_orders_is_what_its_script_writes(tmp_path):
    written = sampler_orders.page()
    assert check_docs.generated_complaints(written) == []
    stale = document(tmp_path, written.replace("| vLLM | 3 |", "| vLLM | 4 |"))
    assert check_docs.generated_complaints(written, stale) == [
        "page.md is not what scripts/sampler_orders.py writes; run it"
    ]
    assert check_docs.generated_complaints(written, tmp_path / "gone.md") != []


def test_the_page_of_sampler_orders_holds_the_documented_survivors():
    """At 0.5 and 1.5, in the order llama.cpp, transformers, vLLM, mlx-lm, Ollama: the numbers that people quote."""
    lines = [line.split(" | ") for line in sampler_orders.page().splitlines() if line.startswith("| ")]
    names = ["| llama.cpp", "| transformers", "| vLLM", "| mlx-lm", "| Ollama"]
    survivors = {name: [int(cells[1]) for cells in lines if cells[0] == name] for name in names}
    assert [survivors[name][0] for name in names] == [10, 4, 3, 10, 4]
    assert [survivors[name][2] for name in names] == [10, 15, 12, 10, 15]
