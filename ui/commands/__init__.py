"""THE TABLE of commands, in the order of the help: name -> module, imported only when its command is used.

A module has `add_arguments(parser, words)` and `run(args, lang) -> int`.
"""

COMMANDS = {
    "next": "ui.commands.next",
    "generate": "ui.commands.generate",
    "search": "ui.commands.search",
    "ui": "ui.commands.ui",
    "models": "ui.commands.models",
    "data": "ui.commands.data",
}
