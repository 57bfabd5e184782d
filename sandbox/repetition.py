"""Where the end of a text stands in it already, and which token followed there: what DRY looks for."""

from __future__ import annotations

from collections.abc import Sequence


def continuations(text: Sequence[int], limit: int) -> dict[int, int]:
    """For each token that followed an earlier occurrence of the end of the text: how long that end was, at most.

    limit: no end longer than this counts. One pass over the text.

    >>> a, b, c, y = range(4)
    >>> continuations([a, b, c, c, b, c, y, a, b, c], limit=10) == {c: 3, y: 2, b: 1}  # abc|c, bc|y, c|b
    True
    """
    longest: dict[int, int] = {}
    for distance, length in enumerate(matches_with_the_end(text)):
        if length:
            follower = text[len(text) - distance]
            longest[follower] = max(longest.get(follower, 0), min(length, limit))
    return longest


def matches_with_the_end(text: Sequence[int]) -> list[int]:
    """At index d: how many tokens, read backwards from d places before the end, equal those read from the end; 0 at 0.

    The Z-function of the reversed text: what one match has compared is not compared again, so it costs len(text).

    >>> matches_with_the_end([1, 2, 1, 2])  # one place back "1" against "2"; two places back "12" against "12"
    [0, 0, 2, 0]
    """
    backwards, lengths = text[::-1], [0] * len(text)
    start = stop = (
        0  # backwards[start:stop] equals the beginning of `backwards`, and no match known so far ends later
    )
    for at in range(1, len(text)):
        length = min(stop - at, lengths[at - start]) if at < stop else 0
        while at + length < len(text) and backwards[at + length] == backwards[length]:
            length += 1
        lengths[at] = length
        if at + length > stop:
            start, stop = at, at + length
    return lengths
