"""A JSON answer of the hot routes."""

from __future__ import annotations

import json

from starlette.responses import Response


def json_answer(content: object) -> Response:
    """Never kept by the browser. Raises ValueError for NaN and infinities, which are no JSON."""
    # ASCII escapes: a knob may hold a lone surrogate, which UTF-8 cannot carry
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")
