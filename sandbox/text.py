"""TextStream: bytes in, text out, never half a character."""

from __future__ import annotations

import codecs


def visible_byte(byte: int) -> str:
    """A byte that is no character, as people see it.

    >>> visible_byte(0xC3)
    '<C3>'
    """
    return f"<{byte:02X}>"


def _show_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(map(visible_byte, wrong)), error.end


codecs.register_error("logitbox.visible_bytes", _show_bytes)


class TextStream:
    """A token may end in the middle of a character: its bytes wait for the rest.

    Bytes that can never become a character show as `<C3>`; so do those still waiting at `flush`.

    >>> stream = TextStream()
    >>> [stream.feed(part) for part in (b"caf", b"\\xc3", b"\\xa9", b"\\xff!")], stream.flush()
    (['caf', '', 'é', '<FF>!'], '')
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="logitbox.visible_bytes")

    def feed(self, token_bytes: bytes) -> str:
        """The characters that these bytes complete, perhaps none."""
        return self._decoder.decode(token_bytes)

    def flush(self) -> str:
        """What is still waiting, byte by byte; the stream can then start again."""
        return self._decoder.decode(b"", final=True)


def text_of(token_bytes: bytes) -> str:
    """All bytes at once.

    >>> text_of(b"caf\\xc3")
    'caf<C3>'
    """
    return token_bytes.decode("utf-8", errors="logitbox.visible_bytes")
