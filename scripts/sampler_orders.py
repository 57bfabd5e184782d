"""Write docs/sampler_orders.md: the same logits and the same knobs in every library's order.

python scripts/sampler_orders.py            writes the page; scripts/check_docs.py fails while it is not up to date
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, only scripts/ would be found

from sandbox.compare import compare  # noqa: E402  # after the path is set
from sandbox.distribution import Distribution  # noqa: E402  # as above
from sandbox.outcome import run_chain  # noqa: E402  # as above
from sandbox.presets import EXAMPLE_KNOBS, EXAMPLE_ROW, PRESETS, Preset  # noqa: E402  # as above
from sandbox.settings import Step  # noqa: E402  # as above

PAGE = ROOT / "docs" / "sampler_orders.md"
TEMPERATURES = (0.5, 1.0, 1.5)
REFERENCE = "llama.cpp"
# every knob that most libraries have, so that each shows up in the order
PROBE = {
    "temperature": 0.7,
    "top_k": 30,
    "top_p": 0.8,
    "min_p": 0.1,
    "typical_p": 0.9,
    "repetition_penalty": 1.1,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
}

INTRODUCTION = """# Sampler orders: same logits, same knobs, other laws

`python scripts/sampler_orders.py` writes this page and `scripts/check_docs.py` checks it: do not edit it by hand.

top-k 40, top-p 0.95 and temperature 0.8 do not say what will be drawn. The order counts too: a temperature below 1 in
front of top-p makes the law steeper, so fewer tokens are needed to reach p; above 1 it is the other way round. Behind
the filters it changes the odds of what is left and removes nothing. Below, one row of logits goes through the order of
seven libraries. Ties and sums follow [our rules](decisions/0004-sampling-rules.md), so that the order alone differs.
"""

NOTES = {
    "llama.cpp": """
        Temperature comes last: what the filters keep does not depend on it. The bias and the penalties
        come first; the prompt counts for the penalties, within a window of 64 tokens. 0 or less
        switches top-k off, a temperature of 0 or less means greedy. `samplers` is a list that anybody
        may reorder. mirostat takes the place of everything between the bias and the draw but the
        temperature. A model file may bring defaults of its own.
    """,
    "transformers": """
        Without `do_sample=True` nothing is drawn and every filter is ignored; the defaults shown here
        have it on, and then top-k is 50 unless somebody sets it. What rewrites logits (guidance, bias,
        repetition penalty, n-grams, bad words, minimum length) comes first, then the temperature, then
        the filters. The penalty counts the whole text. 0 or None switches top-k off. Ties at the cut
        all survive there.
    """,
    "vllm": """
        min-p comes before top-k, and both after the temperature. The repetition penalty counts prompt
        and output, frequency and presence the output alone, which makes two steps of ours. 0 or -1
        switches top-k off. Temperature 0 is greedy; anything else below 0.01 is raised to 0.01. A model
        may bring defaults of its own.
    """,
    "mlx-lm": """
        The temperature defaults to 0, which is greedy; the defaults shown here have it at 1. It acts
        last, inside the draw. top-k comes after top-p and min-p, so it rarely has anything left to
        remove. top-p 0 means off. Each penalty has a window of its own, 20 tokens. Its XTC keeps every
        token that ties for the least likely.
    """,
    "text-generation-webui": """
        One list of stages, which its users reorder; by default the temperature stands in front of the
        filters, `temperature_last` moves it behind them. The three penalties are three stages with one
        window of 1024 tokens, where 0 means the whole text. epsilon and eta are written in ten-
        thousandths. A stage that is missing from the list comes first. Tail-free sampling and the
        encoder penalty have no counterpart here.
    """,
    "ollama": """
        top-k first, then the temperature, then top-p and min-p over what is left. The runner of its
        newer models takes the penalties and reads none of them (issue 15783, April 2026); older models
        go through llama.cpp's chain.
    """,
    "openai": """
        Published are the knobs and their ranges, that the bias is added to the logits before sampling,
        and that the penalties count the text so far. The order of temperature and top-p is not:
        temperature first is our choice, after vLLM, which follows this interface. There is no top-k and
        no min-p.
    """,
}


def page() -> str:
    tables = "\n".join(section(temperature) for temperature in TEMPERATURES)
    libraries = "\n".join(library(preset) for preset in PRESETS.values())
    return f"{INTRODUCTION}\n{logits()}\n{tables}\n## The libraries\n\n{libraries}"


def logits() -> str:
    lines = [
        f"{at:>2}: " + "".join(f"{x:>7.2f}" for x in EXAMPLE_ROW[at : at + 10]) for at in range(0, 50, 10)
    ]
    knobs = ", ".join(f"{name} {value:g}" for name, value in EXAMPLE_KNOBS.items() if name != "temperature")
    listing = "\n".join(lines)
    return (
        f"## The row\n\nFifty logits, by token id (`sandbox.presets.EXAMPLE_ROW`):\n\n```\n{listing}\n```\n\n"
        f"The knobs: {knobs}, everything else off. A library without one of them goes without it.\n"
    )


def section(temperature: float) -> str:
    reference = law(PRESETS[REFERENCE], temperature)
    rows = [line(preset, law(preset, temperature), reference) for preset in PRESETS.values()]
    header = (
        f"| order of | survivors | entropy, bits | total variation against {REFERENCE} | first differing token |\n"
        "|---|---|---|---|---|"
    )
    return "\n".join((f"## Temperature {temperature:g}\n", header, *rows, ""))


def law(preset: Preset, temperature: float) -> Distribution:
    steps = preset.with_knobs(**{**EXAMPLE_KNOBS, "temperature": temperature})
    return run_chain(EXAMPLE_ROW, steps).distribution


def line(preset: Preset, dist: Distribution, reference: Distribution) -> str:
    found = compare(reference, dist)
    cells = [preset.title, str(len(dist)), f"{dist.entropy_bits:.3f}", f"{found.total_variation:.4f}"]
    if found.first_difference is None:
        return f"| {' | '.join(cells)} | none |"
    rank, there, here = found.first_difference
    return f"| {' | '.join(cells)} | rank {rank}: {token(here)}, {REFERENCE} {token(there)} |"


def token(token_id: int | None) -> str:
    return "none" if token_id is None else f"token {token_id}"


def library(preset: Preset) -> str:
    note = fill(" ".join(NOTES[preset.id].split()), 118)
    defaults = (
        "; ".join(written(step) for step in preset.steps_that_act) or "nothing: the law as the model gives it"
    )
    order = ", ".join(once(step["sampler"] for step in preset.with_knobs(**PROBE)))
    return (
        f"### {preset.title}\n\n{note}\n\n- Order of the common knobs: {order}.\n"
        f"- What its defaults do: {defaults}.\n- Source: {preset.source}; read on {preset.date}.\n"
    )


def once(names: Iterable[str]) -> list[str]:
    """Each name once: three penalties in a row are one word."""
    return list(dict.fromkeys(names))


def written(step: Step) -> str:
    knobs = " ".join(
        f"{value:g}" if isinstance(value, int | float) else str(value) for value in list(step.values())[1:]
    )
    return f"{step['sampler']} {knobs}".strip()


if __name__ == "__main__":
    ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
