"""GET /vocab?model=: every token's bytes in one binary answer, fetched once per model.

Layout, little-endian: b"LBV1", uint32 n_vocab, uint32[n_vocab + 1] byte offsets, uint8[n_vocab] flags
(bit 0 special, bit 1 ends a text), then all token bytes in id order.
"""

from __future__ import annotations

import asyncio
import hashlib

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from sandbox.vocabulary import Vocabulary
from sandbox.workbench import Workbench

MAGIC = b"LBV1"
SPECIAL, ENDS = 1, 2


def pack_vocabulary(vocabulary: Vocabulary) -> bytes:
    """The layout above.

    >>> packed = pack_vocabulary(Vocabulary((b"a", b"bc"), frozenset({1}), frozenset({1})))
    >>> packed == b"LBV1" + bytes([2,0,0,0, 0,0,0,0, 1,0,0,0, 3,0,0,0, 0,3]) + b"abc"
    True
    """
    lengths = [len(token) for token in vocabulary.token_bytes]
    offsets = np.zeros(len(lengths) + 1, dtype="<u4")
    np.cumsum(lengths, out=offsets[1:], dtype="<u4")
    flags = bytes(
        SPECIAL * (token_id in vocabulary.special_ids) | ENDS * (token_id in vocabulary.eos_ids)
        for token_id in range(len(lengths))
    )
    n_vocab = np.array([len(lengths)], dtype="<u4").tobytes()
    return MAGIC + n_vocab + offsets.tobytes() + flags + b"".join(vocabulary.token_bytes)


def vocab_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()
    packed: dict[str, tuple[str, bytes]] = {}

    def pack(model_id: str) -> tuple[str, bytes]:
        if model_id not in packed:
            content = pack_vocabulary(workbench.vocabulary(model_id))
            packed[model_id] = (f'"{hashlib.sha256(content).hexdigest()[:32]}"', content)
        return packed[model_id]

    @router.get("/vocab")
    async def vocab(http_request: HttpRequest, model: str = "") -> Response:
        etag, content = await asyncio.to_thread(pack, model)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        known = http_request.headers.get("if-none-match", "")
        if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type="application/octet-stream")

    return router
