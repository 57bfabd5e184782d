"""Is the `models` package next to us ours? A learner's own models.py, or another library's, would hide it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import models


def check_is_ours(found: ModuleType) -> None:
    """Raise ImportError unless `found` lies beside this package."""
    places = [Path(place).resolve() for place in getattr(found, "__path__", [])]
    if Path(__file__).resolve().parent.parent / "models" not in places:
        where = getattr(found, "__file__", None) or (places and places[0])
        raise ImportError(
            f"`import models` found {where}, which is not Logitbox's; "
            f"rename that file or folder, or start Python from another folder"
        )


check_is_ours(models)
