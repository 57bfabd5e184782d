"""The page's pure JavaScript, run through Node: its own tests, and its agreement with the sandbox in Python.

Where Node is missing these are skipped (install Node 18 or newer to run them); with CI=true that is a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models import load
from sandbox.chain import Context, Stage
from sandbox.distribution import Distribution
from sandbox.draw import draw
from sandbox.settings import SamplingSettings

pytestmark = pytest.mark.node
HELPERS = Path(__file__).parent / "javascript"
KNOBS = ("temperature", "top_k", "top_p", "min_p")
TIED = 1e-9  # nearer than this to a cut, the two may keep another number of tokens

GRID = [
    dict(zip(KNOBS, values, strict=True))
    for values in product((0.0, 0.2, 1.0, 1.7), (0, 1, 40), (0.3, 0.95, 1.0), (0.0, 0.05, 1.0))
]
EDGES: list[dict[str, float]] = [
    {"temperature": 1e-3, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
    {"temperature": 50.0, "top_k": 100_000, "top_p": 0.999999999, "min_p": 1e-9},
    {"temperature": 1.0, "top_k": 0, "top_p": 1e-12, "min_p": 0.0},
]
STRATA = [(i + 0.5) / 101 for i in range(101)] + [0.0, 1 - 2**-53]


def rows_of_logits() -> dict[str, NDArray[np.float32]]:
    """Shapes that real rows take, and shapes that break samplers."""
    random = np.random.Generator(np.random.Philox(20))
    zipf = -np.log(np.arange(1, 3001))
    impossible = random.normal(0, 2, 500)
    impossible[[0, 7, 499]] = -np.inf
    rows = {
        "random": random.normal(-3, 3, 2000),
        "peaked": np.concatenate([[30.0], random.normal(0, 1, 999)]),
        "flat": np.zeros(700),
        "tied": np.round(random.normal(0, 2, 1500)),
        "zipf": random.permutation(zipf) + 12.5,
        "impossible": impossible,
        "wide": np.array([3e38, -3e38, 3e38, 0.0, 1.0]),
        "alone": np.array([-np.inf, 2.0, -np.inf]),
    }
    return {name: row.astype(np.float32) for name, row in rows.items()}


@dataclass(frozen=True)
class Case:
    """One row through one chain, in both languages; probabilities by token id, 0 where removed."""

    name: str
    settings: dict[str, Any]
    row: NDArray[np.float32]
    browser: dict[str, Any]
    browser_probs: NDArray[np.float64]


def node() -> str:
    program = shutil.which("node")
    if program is None:
        reason = "Node is not installed: https://nodejs.org, version 18 or newer"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


def run_node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node(), *arguments], capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )


@dataclass(frozen=True)
class Answers:
    cases: list[Case]
    timings: list[dict[str, float]]


def ask_the_browser(
    folder: Path, rows: dict[str, NDArray[np.float32]], settings: list[dict[str, Any]], timed: list[str]
) -> Answers:
    """Everything the page's code says about every row and setting, from one Node process."""
    for name, row in rows.items():
        (folder / name).write_bytes(row.astype("<f4").tobytes())
    names = [name for name in rows if name not in timed]
    asked = [{"file": name, "settings": settings, "us": STRATA} for name in names]
    (folder / "cases.json").write_text(json.dumps({"rows": asked, "timed": timed}), encoding="utf-8")
    finished = run_node(str(HELPERS / "agreement.mjs"), str(folder))
    assert finished.returncode == 0, finished.stderr
    said = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    flat = np.fromfile(folder / "probabilities.f64")
    return Answers(
        _cases({name: rows[name] for name in names}, settings, said["answers"], flat),
        said["timings"],
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    timed = np.random.Generator(np.random.Philox(3)).normal(0, 3, 49_152).astype(np.float32)
    rows = rows_of_logits() | {"timed": timed}
    return ask_the_browser(tmp_path_factory.mktemp("agreement"), rows, GRID + EDGES, ["timed"] * 3)


def _cases(
    rows: dict[str, NDArray[np.float32]],
    settings: list[dict[str, Any]],
    said: list[list[dict[str, Any]]],
    flat: NDArray[np.float64],
) -> list[Case]:
    cases, at = [], 0
    for (name, row), of_row in zip(rows.items(), said, strict=True):
        for knobs, browser in zip(settings, of_row, strict=True):
            cases.append(Case(name, knobs, row, browser, flat[at : at + len(row)]))
            at += len(row)
    return cases


def in_python(case: Case) -> tuple[Distribution, tuple[Stage, ...]]:
    chain = SamplingSettings.from_flat(**case.settings).chain()
    return chain.run(Distribution.from_logits(case.row), Context())


def is_tied_at_a_cut(case: Case) -> bool:
    """Some cut of this case lies within TIED of a running sum or of a ratio to the first, so rounding decides it."""
    weights = np.sort(np.exp(case.row.astype(np.float64) - float(case.row.max())))[::-1]
    if case.settings["top_k"] > 0:
        weights = weights[: case.settings["top_k"]]
    sums = np.cumsum(weights) / weights.sum()
    near_p = case.settings["top_p"] < 1 and np.abs(sums - case.settings["top_p"]).min() < TIED
    near_m = (
        case.settings["min_p"] > 0
        and np.abs(weights - case.settings["min_p"])[weights < 1].min(initial=1) < TIED
    )
    return bool(near_p or near_m)


def check_law(case: Case) -> None:
    """The same survivors with the same probabilities."""
    dist, _ = in_python(case)
    python_probs = np.zeros(len(case.row))
    python_probs[dist.token_ids] = dist.probs
    assert len(dist) == case.browser["nSurvivors"], (case.name, case.settings)
    assert np.abs(python_probs - case.browser_probs).max() < 1e-12, (case.name, case.settings)
    assert case.browser["entropyBits"] == pytest.approx(dist.entropy_bits, abs=1e-9)


def check_stages(case: Case) -> None:
    _, stages = in_python(case)
    expected = [(s.sampler, s.params, s.n_before, s.n_after) for s in stages]
    told = [(s["sampler"], s["params"], s["nBefore"], s["nAfter"]) for s in case.browser["stages"]]
    assert told == expected, (case.name, case.settings)
    for ours, theirs in zip(stages, case.browser["stages"], strict=True):
        assert theirs["entropyBits"] == pytest.approx(ours.entropy_bits, abs=1e-9)
        assert theirs["removedMass"] == pytest.approx(ours.removed_mass, abs=1e-12)


def check_draws(case: Case) -> None:
    dist, _ = in_python(case)
    edges = np.cumsum(case.browser_probs[dist.ranked.token_ids])
    for u, token_id in zip(STRATA, case.browser["draws"], strict=True):
        if np.abs(edges - u).min() > TIED:  # a dart on the line between two tokens is rounding's to place
            assert token_id == draw(dist, u), (case.name, case.settings, u)


def test_the_unit_tests_of_the_page_core_pass() -> None:
    finished = run_node(str(HELPERS / "all.mjs"))
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_tie_at_a_cut_excuses_few_cases(answers: Answers) -> None:
    """A comparison that excuses everything would prove nothing."""
    assert sum(map(is_tied_at_a_cut, answers.cases)) < 0.1 * len(answers.cases)


@pytest.mark.parametrize("check", [check_law, check_stages, check_draws])
def test_python_and_the_browser_agree(answers: Answers, check: Callable[[Case], None]) -> None:
    for case in answers.cases:
        if not is_tied_at_a_cut(case):
            check(case)


@pytest.mark.real
def test_python_and_the_browser_agree_on_a_real_row(tmp_path: Path) -> None:
    with closing(load()) as model:
        row = model.engine.next_logits(model.tokenizer.encode("The capital of France is"))
    settings = [
        dict(zip(KNOBS, values, strict=True))
        for values in ((1.0, 0, 1.0, 0.0), (0.8, 40, 0.95, 0.05), (0.0, 0, 1.0, 0.0), (1.5, 0, 0.999, 0.0))
    ]
    for case in ask_the_browser(tmp_path, {"france": row}, settings, []).cases:
        for check in (check_law, check_stages, check_draws):
            check(case)


def test_the_browser_law_sums_to_one(answers: Answers) -> None:
    assert max(abs(float(case.browser_probs.sum()) - 1) for case in answers.cases) < 1e-12


def test_a_redraw_leaves_the_frame_to_the_browser(answers: Answers) -> None:
    """Measured about 0.9 ms a redraw and 6 ms a new row at 49,152 entries; a frame is 16.7 ms."""
    assert min(timing["redrawMs"] for timing in answers.timings) < 6
    assert min(timing["rankMs"] for timing in answers.timings) < 50


def test_the_neutral_settings_are_the_same_object_in_both_languages() -> None:
    script = "import('./ui/static/core/sampling.mjs').then((m) => console.log(JSON.stringify(m.NEUTRAL)))"
    finished = run_node("--input-type=module", "-e", script)
    neutral = asdict(SamplingSettings())
    assert json.loads(finished.stdout) == {knob: neutral[knob] for knob in KNOBS}
