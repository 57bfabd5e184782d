"""The Sampler lab as its browser tests read it, and the same rows through Python."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox import run_chain
from sandbox.outcome import Outcome
from sandbox.sampler import Context

LAB = "sampler-lab"
SEED = 7  # what the fixture `lab` opens with
OPENING = [
    {"sampler": "top_k", "k": 40},
    {"sampler": "top_p", "p": 0.9},
    {"sampler": "temperature", "temperature": 0.8},
]


class Row(NamedTuple):
    """One place in a text: its token ids, and the logits that the server answered with."""

    token_ids: tuple[int, ...]
    logits: NDArray[np.float32]

    def run(self, steps: Sequence[Mapping[str, object]]) -> Outcome:
        """Python's answer, with the dice of the page's first visit."""
        n = len(self.token_ids)
        return run_chain(self.logits, steps, context=Context(self.token_ids, n, n, SEED))


@cache
def row_of(server: str, text: str) -> Row:
    """The very row that the page shows: a model in this process could take another route (house.md)."""

    def ask(path: str, body: dict[str, object] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{server}/api/v1{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    model = json.loads(ask("/models"))["models"][0]["id"]
    token_ids = json.loads(ask("/tokens", {"model": model, "text": text}))["token_ids"]
    step = json.loads(ask("/step", {"model": model, "token_ids": token_ids, "seed": SEED, "attempt": 0}))
    logits = np.frombuffer(ask(f"/logits/{step['step_id']}"), dtype="<f4")
    return Row(tuple(token_ids), logits)


def at(name: str) -> str:
    return f"[data-testid='{name}']"


def survivors(lab: Any) -> int:
    return int(lab.page.get_attribute(at("survivors"), "data-n"))


def order(lab: Any) -> list[str]:
    """The samplers, from the model's law to the drawn one."""
    script = "nodes => nodes.map(node => node.dataset.sampler)"
    names: list[str] = lab.page.locator(f"{at('chain')} > [data-sampler]").evaluate_all(script)
    return names


def bars(lab: Any, card: str) -> list[tuple[int, float]]:
    """(token id, probability) of the bars that one card shows."""
    script = (
        "nodes => nodes.filter(n => n.offsetParent).map(n => [Number(n.dataset.follow), Number(n.dataset.p)])"
    )
    return [(i, p) for i, p in lab.page.locator(f"{at(card)} {at('mini-row')}").evaluate_all(script)]


def add(lab: Any, sampler: str) -> int:
    """Put a card down; returns its place. It is shown, or refused in words, when this returns."""
    lab.page.click(at("add-sampler"))
    lab.after(lambda: lab.page.click(at(f"add-{sampler}")))
    return order(lab).index(sampler)


def clear(lab: Any) -> None:
    while order(lab):
        lab.after(lambda: lab.page.click(at("card-remove-0")))


def set_knob(lab: Any, index: int, name: str, value: object) -> None:
    """As a hand would: the number typed beside the slider."""
    field = lab.page.locator(at(f"knob-{index}-{name}-number"))
    field.fill(str(value))
    lab.after(lambda: field.press("Enter"))


def nearly(law: Outcome, shown: Sequence[tuple[int, float]]) -> bool:
    """Whether every bar is as likely as Python says, within what the two may differ by (house.md)."""
    return all(abs(p - law.probs[i]) <= 1e-6 for i, p in shown)


def problem(lab: Any, index: int) -> str:
    """The sentence at one card, "" for none."""
    node = lab.page.locator(f"{at(f'card-{index}')} .lb-problem")
    return str(node.inner_text()) if node.is_visible() else ""


def search(lab: Any, text: str) -> dict[int, str]:
    """ "Which stage removed it?": {token id: the index of the stage, "none" or "model"}."""
    lab.page.fill(at("which-stage"), text)
    lab.page.wait_for_function(
        "name => { const found = [...document.querySelectorAll(name)];"
        " return found.length > 0 && found.every(node => node.dataset.removedBy); }",
        arg=at("which-stage-result"),
    )
    script = "nodes => nodes.map(node => [Number(node.dataset.tokenId), node.dataset.removedBy])"
    return dict(lab.page.locator(at("which-stage-result")).evaluate_all(script))


def linked(view: dict[str, Any]) -> str:
    """The address of a view, less what is the same in each."""
    whole = {"schema": "logitbox.view/1", "mode": "continue", "seed": SEED, "compare": None, **view}
    return f"{LAB}?v={base64.urlsafe_b64encode(json.dumps(whole).encode()).decode().rstrip('=')}"
