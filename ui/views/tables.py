"""Rows of cells as lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ui.views.tokens import columns, padded, printable

NO_BREAK = "\u00a0\u202f"  # French numbers hold them


def plain_table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> str:
    """Columns as wide as their widest cell; those in `right` are aligned to the right.

    >>> print(plain_table([["a", "n"], ["bb", "10"]], right=(1,), indent=""))
    a    n
    bb  10
    """
    safe = [[printable(cell, keep=NO_BREAK) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(*safe, strict=True)]
    return "\n".join(
        indent
        + "  ".join(
            padded(cell, width, to_right=i in right)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in safe
    )
