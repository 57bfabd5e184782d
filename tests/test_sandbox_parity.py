"""Our samplers beside llama.cpp's C code and transformers' classes, on the same rows.

The tokens kept must be the same and the probabilities within 2e-6. Where they are not, a named excuse must say why
from the numbers of that row (docs/deviations.md tells each), and no line may use one for more rows than it states.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest

from sandbox.distribution import Distribution
from sandbox.sampler import Context
from sandbox.samplers import SAMPLERS
from tests.cuts import (
    Distance,
    ParityRow,
    from_bar,
    from_budget,
    from_nucleus,
    from_sigma,
    from_typical,
    nowhere,
    parity_rows,
)
from tests.peers import Peer, llama, softmax, transformers

TOLERANCE = 2e-6
TALLY: Counter[str] = Counter()


@dataclass(frozen=True)
class Line:
    """One sampler with its knobs, a peer, where it cuts, and for what share of the rows each excuse may stand."""

    step: dict[str, Any]
    peer: Peer
    cut: Distance = nowhere
    excuses: dict[str, float] = field(default_factory=dict)

    @property
    def library(self) -> str:
        return "llama.cpp" if self.peer.__qualname__.startswith("llama") else "transformers"

    def __str__(self) -> str:
        knobs = ",".join(f"{value}" for knob, value in self.step.items() if knob != "sampler")
        return f"{self.step['sampler']}({knobs})-{self.library}"


@dataclass(frozen=True)
class Case:
    """A row on which the kept tokens differ."""

    line: Line
    row: ParityRow
    ours: Any
    theirs: Any

    @cached_property
    def differing(self) -> Any:
        return np.setxor1d(self.ours, self.theirs)

    @cached_property
    def is_near(self) -> Any:
        """Which tokens lie within float32 rounding of the cut. torch adds in pairs, llama.cpp one after the other."""
        n_summed = len(self.row.logits) if self.line.library == "llama.cpp" else 64
        return self.line.cut(self.row) <= 2 * n_summed * 2.0**-24 + 1e-6


def ties(case: Case) -> bool:
    """They differ only in tokens of one and the same logit, of which ours keeps the first, xtc the last."""
    logits = case.row.logits
    if len({float(logits[i]) for i in case.differing}) != 1:
        return False
    tied = np.flatnonzero(logits == logits[case.differing[0]])
    kept = tied[np.isin(tied, case.ours)]
    first, last = tied[: len(kept)], tied[len(tied) - len(kept) :]
    return np.array_equal(kept, last if case.line.step["sampler"] == "xtc" else first)


def float32(case: Case) -> bool:
    """Every token in which they differ is within rounding of the cut."""
    return bool(case.is_near[case.differing].all())


def threshold(case: Case) -> bool:
    """xtc: a token is within rounding of the threshold, and whether it counts decides which one survives."""
    return bool(case.is_near.any())


def underflow(case: Case) -> bool:
    """They differ in tokens that float32 gives a probability of 0, which then rank by id."""
    return bool((case.row.probs[case.differing] < 1e-37).all())


def absent(case: Case) -> bool:
    """llama.cpp's typical makes 0 * log(0) of a logit of -inf or a probability below float32, and the entropy NaN."""
    return bool((case.row.probs < 1e-37).any())


EXCUSES = {"ties": ties, "float32": float32, "threshold": threshold, "underflow": underflow, "absent": absent}

# A fifth of the rows is tied, a fifth has holes.
TIES, SOME_TIES, FEW = {"ties": 0.2}, {"ties": 0.1}, 0.03


def eta(row: ParityRow, epsilon: float) -> float:
    return min(epsilon, np.sqrt(epsilon) * np.exp(-row.entropy))


def step(name: str, **knobs: Any) -> dict[str, Any]:
    return {"sampler": name, **knobs}


LINES = [
    Line(step("greedy"), llama("greedy")),
    Line(step("temperature", temperature=0.6), llama("temp", 0.6)),
    Line(step("temperature", temperature=1.7), transformers("TemperatureLogitsWarper", 1.7)),
    Line(step("top_k", k=5), llama("top_k", 5), excuses=TIES),
    Line(step("top_k", k=200), llama("top_k", 200), excuses=TIES),
    Line(step("top_k", k=40), transformers("TopKLogitsWarper", 40), excuses=TIES),
    Line(
        step("top_k", k=3, min_keep=9),
        transformers("TopKLogitsWarper", 3, min_tokens_to_keep=9),
        excuses=TIES,
    ),
    Line(step("top_p", p=0.3), llama("top_p", 0.3, 1), from_nucleus(0.3), TIES | {"float32": FEW}),
    Line(step("top_p", p=0.95), llama("top_p", 0.95, 1), from_nucleus(0.95), TIES | {"float32": 0.1}),
    Line(
        step("top_p", p=0.3, min_keep=7), llama("top_p", 0.3, 7), from_nucleus(0.3), TIES | {"float32": FEW}
    ),
    Line(
        step("top_p", p=0.9),
        transformers("TopPLogitsWarper", 0.9),
        from_nucleus(0.9),
        TIES | {"float32": FEW},
    ),
    Line(
        step("top_p", p=0.3, min_keep=7),
        transformers("TopPLogitsWarper", 0.3, min_tokens_to_keep=7),
        from_nucleus(0.3),
        TIES,
    ),
    Line(step("min_p", p=0.05), llama("min_p", 0.05, 1)),
    Line(step("min_p", p=0.5, min_keep=7), llama("min_p", 0.5, 7), excuses=TIES),
    Line(step("min_p", p=0.05), transformers("MinPLogitsWarper", 0.05)),
    Line(
        step("min_p", p=0.5, min_keep=7),
        transformers("MinPLogitsWarper", 0.5, min_tokens_to_keep=7),
        excuses=TIES | {"underflow": FEW},
    ),
    Line(
        step("typical_p", p=0.9),
        llama("typical", 0.9, 1),
        from_typical(0.9),
        TIES | {"float32": 0.1, "absent": 0.3},
    ),
    Line(
        step("typical_p", p=0.2, min_keep=7),
        llama("typical", 0.2, 7),
        from_typical(0.2),
        TIES | {"float32": 0.1, "absent": 0.3},
    ),
    Line(step("typical_p", p=0.3), transformers("TypicalLogitsWarper", 0.3), from_typical(0.3), TIES),
    Line(
        step("typical_p", p=0.2, min_keep=7),
        transformers("TypicalLogitsWarper", 0.2, min_tokens_to_keep=7),
        from_typical(0.2),
        TIES,
    ),
    Line(step("top_n_sigma", n=1.0), llama("top_n_sigma", 1.0)),
    Line(step("top_n_sigma", n=2.5), llama("top_n_sigma", 2.5), from_sigma(2.5), {"float32": FEW}),
    Line(
        step("xtc", probability=1.0, threshold=0.02),
        llama("xtc", 1.0, 0.02, 1, 7),
        from_bar(lambda row: 0.02),
        SOME_TIES | {"threshold": FEW},
    ),
    Line(
        step("xtc", probability=1.0, threshold=0.1, min_keep=20),
        llama("xtc", 1.0, 0.1, 20, 7),
        from_bar(lambda row: 0.1),
        SOME_TIES,
    ),
    Line(step("xtc", probability=0.0, threshold=0.1), llama("xtc", 0.0, 0.1, 1, 7)),
    Line(
        step("top_h", h=0.4), transformers("TopHLogitsWarper", 0.4), from_budget(0.4), TIES | {"float32": FEW}
    ),
    Line(
        step("top_h", h=0.85),
        transformers("TopHLogitsWarper", 0.85),
        from_budget(0.85),
        TIES | {"float32": 0.1},
    ),
    Line(step("epsilon_cutoff", epsilon=0.003), transformers("EpsilonLogitsWarper", 0.003), excuses=TIES),
    Line(
        step("epsilon_cutoff", epsilon=0.05, min_keep=7),
        transformers("EpsilonLogitsWarper", 0.05, min_tokens_to_keep=7),
        excuses=TIES,
    ),
    Line(step("eta_cutoff", epsilon=0.003), transformers("EtaLogitsWarper", 0.003), excuses=TIES),
    Line(
        step("eta_cutoff", epsilon=0.4, min_keep=7),
        transformers("EtaLogitsWarper", 0.4, min_tokens_to_keep=7),
        from_bar(lambda row: eta(row, 0.4)),
        TIES,
    ),
]


@cache
def rows() -> list[ParityRow]:
    return parity_rows()


def ours(line_step: dict[str, Any], logits: Any) -> tuple[Any, Any]:
    knobs = {knob: value for knob, value in line_step.items() if knob != "sampler"}
    dist = SAMPLERS[line_step["sampler"]](**knobs).apply(Distribution.from_logits(logits), Context())
    by_id = np.argsort(dist.token_ids)
    return dist.token_ids[by_id], dist.probs[by_id]


def compared(library: str) -> None:
    TALLY[library] += len(rows())


@pytest.fixture(scope="module", autouse=True)
def summary(request):
    """A line at the end of the run: how much was compared, and what was excused."""
    yield
    with_whom = ", ".join(f"{TALLY[name]} with {name}" for name in ("llama.cpp", "transformers"))
    excused = ", ".join(f"{name} {TALLY[name]}" for name in EXCUSES)
    reporter, capture = map(request.config.pluginmanager.getplugin, ("terminalreporter", "capturemanager"))
    if reporter is not None and TALLY:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(f"\nparity: rows compared: {with_whom}; excused: {excused}")


def needs(library: str) -> None:
    module, extra = {"llama.cpp": ("llama_cpp", "llama"), "transformers": ("torch", "transformers")}[library]
    if importlib.util.find_spec(module) is None:
        reason = f"{library} is not installed; `pip install 'logitbox[{extra}]'` brings it"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_same_tokens_stay_with_the_same_probabilities(line, record_property):
    needs(line.library)
    compared(line.library)
    excused: Counter[str] = Counter()
    for row in rows():
        (ids, probs), (their_ids, their_probs) = ours(line.step, row.logits), line.peer(row.logits)
        if np.array_equal(ids, their_ids):
            assert np.abs(probs - their_probs).max() < TOLERANCE, (row.kind, len(row.logits))
            continue
        case = Case(line, row, ids, their_ids)
        excuse = next((name for name in line.excuses if EXCUSES[name](case)), None)
        assert excuse, (row.kind, len(row.logits), len(ids), len(their_ids), case.differing[:9])
        excused[excuse] += 1
    TALLY.update(excused)
    record_property("rows_compared", len(rows()))
    assert {name for name, n in excused.items() if n > line.excuses[name] * len(rows())} == set(), excused


# -- deviations that are another law altogether, each as docs/deviations.md writes it down -----------------------


def dynamic_law(row: ParityRow, knobs: dict[str, float], n_counted: int) -> Any:
    """The definition, with the entropy measured against n_counted candidates."""
    low, high = max(0.0, knobs["temperature"] - knobs["range"]), knobs["temperature"] + knobs["range"]
    share = row.entropy / np.log(n_counted) if n_counted > 1 else 1.0
    t = low + (high - low) * share ** knobs["exponent"]
    there = row.logits[row.logits > -np.inf].astype(np.float64)
    return softmax((there - there.max()) / t)


@pytest.mark.parametrize(
    "knobs",
    [
        {"temperature": 1.0, "range": 0.5, "exponent": 1.0},
        {"temperature": 0.8, "range": 0.6, "exponent": 2.0},
        {"temperature": 0.5, "range": 0.0, "exponent": 1.0},
    ],
)
def test_dynamic_temperature_is_llamas_but_for_counting_what_is_absent(knobs):
    needs("llama.cpp")
    compared("llama.cpp")
    theirs = llama("temp_ext", *knobs.values())
    for row in rows():
        n_alive, n_rows = int((row.logits > -np.inf).sum()), len(row.logits)
        mine = ours({"sampler": "dynamic_temperature", **knobs}, row.logits)[1]
        np.testing.assert_allclose(mine, dynamic_law(row, knobs, n_alive), atol=1e-10)
        # its entropy is a float32 sum; with one candidate it leaves the logit as it is
        np.testing.assert_allclose(theirs(row.logits)[1], dynamic_law(row, knobs, n_rows), atol=1e-3)
        TALLY["absent"] += n_alive < n_rows and knobs["range"] > 0


def kept(name: str, logits: list[float], **knobs: float) -> list[int]:
    return ours({"sampler": name, **knobs}, np.array(logits, dtype=np.float32))[0].tolist()


def test_typical_stops_when_p_is_reached_and_the_others_go_further():
    needs("llama.cpp")
    needs("transformers")
    even = np.zeros(4, dtype=np.float32)
    assert len(llama("typical", 0.5, 1)(even)[0]) == 3
    assert len(transformers("TypicalLogitsWarper", 0.5)(even)[0]) == 4
    assert kept("typical_p", [0.0] * 4, p=0.5) == [0, 1]


def test_an_absent_token_spoils_llamas_typical_and_not_ours():
    needs("llama.cpp")
    three = np.log([0.45, 0.35, 0.2]).tolist()  # entropy 1.05 nats; the surprisals 0.80, 1.05, 1.61
    typical = llama("typical", 0.3, 1)
    assert [typical(np.array(row, np.float32))[0].tolist() for row in (three, [*three, -np.inf])] == [
        [1],
        [0],
    ]
    assert kept("typical_p", [*three, -np.inf], p=0.3) == kept("typical_p", three, p=0.3) == [1]


def test_where_nothing_reaches_epsilon_transformers_keeps_all_that_tie_for_best():
    needs("transformers")
    row = np.array([1, 1, 0], dtype=np.float32)
    assert transformers("EpsilonLogitsWarper", 0.9)(row)[0].tolist() == [0, 1]
    assert kept("epsilon_cutoff", [1, 1, 0], epsilon=0.9) == [0]


def test_a_temperature_that_overflows_float32_is_no_trouble_here():
    needs("llama.cpp")
    row = np.array([3e38, 0.0], dtype=np.float32)
    with np.errstate(invalid="ignore"):
        assert np.isnan(llama("temp", 0.5)(row)[1]).any()
    assert ours({"sampler": "temperature", "temperature": 0.5}, row)[1].tolist() == [1.0, 0.0]


def test_temperature_zero_in_llama_is_our_greedy():
    needs("llama.cpp")
    row = np.array([1, 3, 3, 2], dtype=np.float32)
    assert llama("temp", 0.0)(row)[0].tolist() == kept("greedy", [1, 3, 3, 2]) == [1]
