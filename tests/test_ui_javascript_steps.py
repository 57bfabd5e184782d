"""The page's check of a chain (`problem` in ui/static/core/steps.mjs) says what Python says, before anything is asked.

Where Node is missing this is skipped; with CI=true that is a failure.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from models.errors import HouseError
from sandbox.chain import SamplerChain
from sandbox.samplers import SAMPLERS
from scripts.installer.browsers import find_node
from ui.api.samplers import listed

pytestmark = pytest.mark.node

Step = dict[str, Any]

SCRIPT = """
import { readFileSync } from "node:fs";
import { problem } from "./ui/static/core/steps.mjs";
const { samplers, chains } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(chains.map((steps) => problem(steps, samplers))));
"""

# What `problem` can tell without asking; a sampler of Python alone may refuse more (a grammar that does not parse).
TOLD_BY_THE_PAGE = {
    "NotAStep", "UnknownSampler", "UnknownKnob", "MissingKnob", "ZeroTemperature", "KnobOutOfRange", "InvalidKnob",
}  # fmt: skip  # a list of words reads best as one


def steps_at_every_knob() -> list[Step]:
    """Each knob of each sampler at values of every kind, right and wrong, the required others at a right one."""
    numbers = [0, -1, 1, 2, 0.5, 1.5, 10**9, 1e300, None, True]
    lists = [[], [1], [-1], [1.5], [[1]], [[]], ["\n"]]
    values = [*numbers, *lists, "x", "", "regex", {}, {"1": 2}, {"1": "-inf"}, {"a": 1}, {"-1": 1}]
    steps: list[Step] = [{"sampler": "no_such"}, {}, {"sampler": "greedy", "k": 1}, {"sampler": "top_k"}]
    for info in listed()["samplers"]:
        name, knobs = info["name"], [knob["name"] for knob in info["knobs"]]
        needed = [knob["name"] for knob in info["knobs"] if knob["required"]]
        required = {knob: a_right_value(name, knob, values) for knob in needed}
        steps += [{"sampler": name, **required, knob: value} for knob in knobs for value in values]
    return steps


def a_right_value(sampler: str, knob: str, values: Sequence[Any]) -> Any:
    return next(value for value in values if _is_right(sampler, knob, value))


def _is_right(sampler: str, knob: str, value: Any) -> bool:
    try:
        SAMPLERS[sampler].knobs[knob].checked(value, sampler=sampler, knob=knob)
    except ValueError:
        return False
    return True


def problems(chains: Sequence[Sequence[Step]]) -> list[dict[str, Any] | None]:
    program = find_node()
    assert program is not None  # conftest skips the marker `node` otherwise
    asked = json.dumps({"samplers": listed()["samplers"], "chains": chains})
    finished = subprocess.run(
        [program, "--input-type=module", "-e", SCRIPT],
        input=asked, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    told: list[dict[str, Any] | None] = json.loads(finished.stdout)
    return told


def refusal(steps: Sequence[Step]) -> tuple[str, int, str | None] | None:
    try:
        SamplerChain.from_steps(steps)
    except HouseError as error:
        if (code := type(error).__name__) in TOLD_BY_THE_PAGE:
            return code, error.step, getattr(error, "knob", None)  # type: ignore[attr-defined]  # set by from_steps
    return None


def test_the_page_refuses_what_python_refuses_at_the_same_card() -> None:
    chains = [[{"sampler": "greedy"}, step] for step in steps_at_every_knob()]
    found = problems(chains)
    for steps, told in zip(chains, found, strict=True):
        expected = refusal(steps)
        assert (told and (told["code"], told["step"])) == (expected and expected[:2]), steps
        if expected and expected[0] != "UnknownKnob":  # whose attribute is "greedy.k"
            assert told and told["knob"] == expected[2], steps
    n_accepted = sum(told is None for told in found)
    assert 100 < n_accepted < len(chains) - 500
