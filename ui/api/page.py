"""GET /page: what the page needs besides the model, in one language."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from models import __version__
from ui.api.errors import language_of
from ui.i18n import locale_sections

HERE = Path(__file__).parent.parent


@cache
def listed(name: str) -> dict[str, Any]:
    """What a learner can pick: "presets", texts as the page groups them; "constraints", grammars with a text each."""
    lists: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return lists


def page_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/page")
    async def page(http_request: HttpRequest) -> Response:
        lang = language_of(http_request.scope)
        sections = locale_sections(lang)
        return JSONResponse(
            {
                "lang": lang,
                "strings": {name: sections.get(name, {}) for name in ("page", "errors")},
                "presets": listed("presets"),
                "constraints": listed("constraints"),
                "version": __version__,
            },
            headers={"Cache-Control": "no-cache"},
        )

    return router
