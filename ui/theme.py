"""Gradio's theme, in the island's colours: no flash of another page before ours is drawn, no font from elsewhere."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

GROUND = {"light": "#f6f4ee", "dark": "#14171c"}  # --ground of ui/islands/tokens.css
FONTS = ("Figtree", "Segoe UI", "system-ui", "sans-serif")
MONO_FONTS = ("Atkinson Mono", "ui-monospace", "monospace")
# none of Gradio's furniture around an island
SHELL_CSS = (Path(__file__).parent / "islands" / "shell.css").read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    return gr.themes.Base(font=list(FONTS), font_mono=list(MONO_FONTS)).set(
        body_background_fill=GROUND["light"],
        body_background_fill_dark=GROUND["dark"],
        background_fill_primary=GROUND["light"],
        background_fill_primary_dark=GROUND["dark"],
    )
