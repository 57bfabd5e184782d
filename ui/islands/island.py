"""island(name): a place in a Gradio page where one of our own modules draws.

A factory and not a subclass: subclasses of `gr.HTML` write a `.pyi` beside our source at import. The template is
static and holds no data, because Gradio evaluates templates as code (docs/decisions).
"""

from __future__ import annotations

import re

import gradio as gr

NAME = re.compile(r"[a-z][a-z0-9_]*")
TEMPLATE = '<div class="lb-mount" data-island="{name}"></div>'
# document.baseURI respects a root_path in front of the application
ON_LOAD = (
    "import(new URL('static-ui/islands/gradio_host.mjs', document.baseURI).href)"
    ".then((host) => host.attach(element, '{name}'));"
)


def island(name: str) -> gr.HTML:
    """Mount `ui/islands/<name>.mjs` here; the module exports `mount({root, tab}) -> {destroy}`.

    Raises ValueError if the name could be anything but a file name of ours: it ends in JavaScript.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"an island is named with small letters, digits and _, not {name!r}")
    return gr.HTML(
        html_template=TEMPLATE.replace("{name}", name),
        js_on_load=ON_LOAD.replace("{name}", name),
        elem_id=f"island-{name}",
        apply_default_css=False,  # its prose rules would restyle every list and button of ours
        container=False,
        padding=False,
    )
