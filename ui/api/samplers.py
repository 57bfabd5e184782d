"""GET /samplers: THE TABLE for a page: every sampler, its knobs and their intervals, and the presets."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from sandbox.knob import Logits
from sandbox.presets import PRESETS, Preset
from sandbox.sampler import AnySampler
from sandbox.samplers import SAMPLERS
from ui.views.chain import plain


def samplers_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/samplers")
    async def samplers() -> Response:
        return JSONResponse(listed(), headers={"Cache-Control": "no-cache"})

    return router


@cache
def listed() -> dict[str, Any]:
    """All of it, in the order of the table; it never changes while the application runs."""
    families = dict.fromkeys(kind.family for kind in SAMPLERS.values())
    return {
        "samplers": [described(kind) for kind in SAMPLERS.values()],
        "presets": [preset_view(preset) for preset in PRESETS.values()],
        "families": list(families),
    }


def described(kind: type[AnySampler]) -> dict[str, Any]:
    """One sampler. `needs` and `needs_vocabulary`: what it may ask for, with some of its settings at least.

    >>> from sandbox.samplers.top_k import TopK
    >>> [(knob["name"], knob["required"], knob["default"]) for knob in described(TopK)["knobs"]]
    [('k', True, None), ('min_keep', False, 1)]
    """
    return {
        "name": kind.name,
        "family": kind.family,
        "in_browser": kind.in_browser,
        "formula": kind.formula,
        "has_memory": hasattr(kind, "next_state"),
        # a second row may be a knob of the step, but a page has none to send: it names a stored one
        "needs": [
            name.removesuffix("_logits") for name, knob in kind.knobs.items() if isinstance(knob, Logits)
        ],
        "needs_vocabulary": bool(getattr(kind, "needs_vocabulary", False)),  # a property is true
        "knobs": [_knob(kind, field) for field in dataclasses.fields(kind)],  # type: ignore[arg-type]  # a dataclass
    }


def preset_view(preset: Preset) -> dict[str, Any]:
    """The whole order, stages that do nothing at their default included."""
    view = {name: getattr(preset, name) for name in ("id", "title", "source", "date")}
    return {**view, "steps": plain(preset.steps), "note_key": preset.notes[0] if preset.notes else None}


def _knob(kind: type[AnySampler], field: dataclasses.Field[Any]) -> dict[str, Any]:
    knob = kind.knobs[field.name]
    is_required = field.default is dataclasses.MISSING
    default = None if is_required else knob.plain(field.default)
    return {
        **plain(knob.described()),
        "name": field.name,
        "default": plain(default),
        "required": is_required,
    }
