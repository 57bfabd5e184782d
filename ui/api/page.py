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

PRESETS = Path(__file__).parent.parent / "presets.json"


@cache
def presets() -> dict[str, Any]:
    """The texts a learner can pick, as the page groups them."""
    listed: dict[str, Any] = json.loads(PRESETS.read_text(encoding="utf-8"))
    return listed


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
                "presets": presets(),
                "version": __version__,
            },
            headers={"Cache-Control": "no-cache"},
        )

    return router
