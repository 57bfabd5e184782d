"""Language and title before Gradio's bundle reads them.

Gradio's own `head=` arrives after its bundle has asked the browser for its languages (measured on 6.31), so a
small script goes first in <head>. Order: ?lang in the link, the choice kept in this browser, the browser's list.
"""

from __future__ import annotations

import json
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.errors import language_of
from ui.i18n import LANGUAGES

STORAGE_KEY = "logitbox:lang"  # as static/core/store.mjs keeps preferences: JSON under this prefix
SCRIPT = """<script>
(() => {
  const known = __LANGUAGES__, key = __KEY__;
  const asked = new URLSearchParams(location.search).get("lang");
  let kept = null;
  try {
    if (known.includes(asked)) localStorage.setItem(key, JSON.stringify(asked));
    kept = JSON.parse(localStorage.getItem(key));
  } catch (refused) { /* private windows may refuse storage: the link and the browser still count */ }
  const browser = (navigator.languages || [navigator.language || ""]).map((tag) => tag.slice(0, 2).toLowerCase());
  const lang = [asked, kept, ...browser, "en"].find((tag) => known.includes(tag));
  Object.defineProperty(navigator, "language", { get: () => lang, configurable: true });
  Object.defineProperty(navigator, "languages", { get: () => [lang], configurable: true });
  document.documentElement.lang = lang;
})();
</script>""".replace("__LANGUAGES__", json.dumps(LANGUAGES)).replace("__KEY__", json.dumps(STORAGE_KEY))

# Gradio's cards for link previews name its own site and a picture there
FOREIGN_META = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*/?>\s*', re.IGNORECASE)
HTML_LANG = re.compile(rb'(<html\b[^>]*?\blang=)"[^"]*"', re.IGNORECASE)


def with_early_head(html: bytes, lang: str) -> bytes:
    """The document with our script first in <head>, its language set and the foreign cards gone.

    >>> with_early_head(b'<html lang="en"><head><title>x</title>', "fr").startswith(b'<html lang="fr"><head><script>')
    True
    """
    html = HTML_LANG.sub(
        lambda found: found.group(1) + f'"{lang}"'.encode(), FOREIGN_META.sub(b"", html), count=1
    )
    return html.replace(b"<head>", b"<head>" + SCRIPT.encode(), 1)


class EarlyHead:
    """Rewrites the page at "/"; everything else passes through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        # compressed HTML could not be edited
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        rewriter = _Rewriter(send, language_of(scope))
        await self.app({**scope, "headers": plain}, receive, rewriter)


class _Rewriter:
    """Holds an HTML answer back until it is whole, then sends it with its new length."""

    def __init__(self, send: Send, lang: str) -> None:
        self.send, self.lang = send, lang
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self.start = message
            return
        if self.start is None:
            await self.send(message)
            return
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            html = with_early_head(self.body, self.lang)
            MutableHeaders(scope=self.start)["Content-Length"] = str(len(html))
            await self.send(self.start)
            await self.send({"type": "http.response.body", "body": html})


def _is_html(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
