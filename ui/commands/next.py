"""`logitbox next`: the law of the next token, as a table or JSON."""

from __future__ import annotations

import argparse
import json

from models.text import check_text
from sandbox.settings import NEUTRAL
from ui.commands.arguments import (
    Words,
    add_chain_arguments,
    add_model_arguments,
    chain_and_settings,
    load_model,
    prompt_token_ids,
)
from ui.views.next_step import as_json, as_table, next_step

N_ROWS = 10


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    parser.add_argument("text", metavar=words("metavar.text"), help=words.help("text"))
    parser.add_argument(
        "--top", type=words.count, default=N_ROWS, metavar="N", help=words.help("top") + f" [{N_ROWS}]"
    )
    parser.add_argument("--json", action="store_true", help=words.help("json"))
    parser.add_argument("--expert", action="store_true", help=words.help("expert"))
    parser.add_argument("--chat", action="store_true", help=words.help("chat"))
    add_chain_arguments(parser, words, NEUTRAL, show_defaults=False)
    add_model_arguments(parser, words)


def run(args: argparse.Namespace, lang: str) -> int:
    """Everything that can be refused without the model is refused before it is loaded."""
    chain, _ = chain_and_settings(args, NEUTRAL)
    check_text(args.text)
    model = load_model(args, lang)
    token_ids = prompt_token_ids(args.text, model, is_chat=args.chat)
    logits = model.engine.next_logits(token_ids)
    step = next_step(model, token_ids, logits, chain, args.top)
    # ASCII escapes: a token may hold what a terminal would obey
    print(json.dumps(as_json(step), indent=2) if args.json else as_table(step, lang, is_expert=args.expert))
    return 0  # the model is not closed: the process ends here, and that is quicker by 7 ms
