"""Stop strings: end the text where one begins, even when it arrives in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Text in, text out, minus what could still become a stop string.

    >>> stops = StopStrings(["\\nUser:"])
    >>> stops.feed("Hello\\nUs"), stops.feed("ually"), stops.feed("\\nUser: me"), stops.is_met
    ('Hello', '\\nUsually', '', True)
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.is_met = False

    def feed(self, text: str) -> str:
        """The text that is certain now. Once a stop string is met, what precedes it, and nothing ever after."""
        if self.is_met:
            return ""
        text = self._held + text
        starts = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        self.is_met = bool(starts)
        certain = min(starts) if starts else len(text) - self._n_held_back(text)
        self._held = "" if self.is_met else text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """What was held back, when no more text will come."""
        rest, self._held = self._held, ""
        return rest

    def _n_held_back(self, text: str) -> int:
        """The longest end of the text that begins a stop string."""
        lengths = (n for stop in self._stops for n in range(1, len(stop)) if text.endswith(stop[:n]))
        return max(lengths, default=0)
