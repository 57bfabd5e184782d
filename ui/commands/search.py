"""`logitbox search`: continuations weighed against each other, or guessed and judged."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from typing import Any

from models import LoadedModel, load
from models.text import check_text
from sandbox.search import (
    BeamSettings,
    DiverseSettings,
    Draft,
    LookupDraft,
    ModelDraft,
    SpeculativeSettings,
    beam,
    diverse_beam,
    finished,
    speculative,
)
from sandbox.settings import NEUTRAL
from ui.commands.arguments import (
    Words,
    add_chain_arguments,
    add_model_arguments,
    chain_and_settings,
    load_model,
    prompt_token_ids,
)
from ui.errors import NotTogether, OnlyWith
from ui.i18n import number, say
from ui.views import search as view
from ui.views.next_step import percent
from ui.views.tokens import printable, visible_token

LOOKUP = "lookup"
BEAM_KNOBS = ("beams", "groups", "diversity", "length_penalty", "early_stopping")
CHAIN_OPTIONS = (
    *("temperature", "top_k", "top_p", "min_p", "chain", "preset"),
    *("choice", "schema", "regex", "grammar"),
)
DRAFT_KNOBS = ("draft_tokens", "n_gram", "seed", *CHAIN_OPTIONS)
EARLY = {"yes": True, "no": False, "never": "never"}
MAX_TOKENS = 32


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    parser.add_argument("text", metavar=words("metavar.text"), help=words.help("text"))
    help_text = words.help("max_tokens") + f" [{MAX_TOKENS}]"
    parser.add_argument("--max-tokens", type=words.integer, default=MAX_TOKENS, metavar="N", help=help_text)
    parser.add_argument("--json", action="store_true", help=words.help("search_json"))
    parser.add_argument("--chat", action="store_true", help=words.help("chat"))
    _add_beam_arguments(parser, words)
    _add_speculative_arguments(parser, words)
    add_chain_arguments(parser, words, NEUTRAL, show_defaults=False)
    add_model_arguments(parser, words)


def _add_beam_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    group = parser.add_argument_group(words("help.beam_group"))
    readers = {
        "beams": (words.integer, "N"),
        "groups": (words.integer, "N"),
        "diversity": (words.number, "X"),
        "length_penalty": (words.number, "X"),
    }
    for knob, (reader, metavar) in readers.items():
        group.add_argument(f"--{knob.replace('_', '-')}", type=reader, metavar=metavar, help=words.help(knob))
    group.add_argument(
        "--early-stopping", choices=list(EARLY), metavar="|".join(EARLY), help=words.help("early_stopping")
    )


def _add_speculative_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    group = parser.add_argument_group(words("help.speculative_group"))
    metavar = f"{LOOKUP}|{words('metavar.model')}"
    group.add_argument("--speculative", metavar=metavar, help=words.help("speculative"))
    for knob in ("draft_tokens", "n_gram", "seed"):
        group.add_argument(
            f"--{knob.replace('_', '-')}", type=words.integer, metavar="N", help=words.help(knob)
        )


def run(args: argparse.Namespace, lang: str) -> int:
    """Everything that can be refused without the model is refused before it is loaded."""
    _refuse_idle_options(args)
    check_text(args.text)
    return _run_beams(args, lang) if args.speculative is None else _run_speculative(args, lang)


def _refuse_idle_options(args: argparse.Namespace) -> None:
    """An option that would do nothing is a misunderstanding: say so."""
    for knob in DRAFT_KNOBS if args.speculative is None else BEAM_KNOBS:
        if getattr(args, knob) is not None:
            kind = OnlyWith if args.speculative is None else NotTogether
            raise kind(f"--{knob.replace('_', '-')}", "--speculative")


def _given(args: argparse.Namespace, *knobs: str) -> dict[str, Any]:
    return {knob: getattr(args, knob) for knob in knobs if getattr(args, knob) is not None}


def _run_beams(args: argparse.Namespace, lang: str) -> int:
    settings = _beam_settings(args)
    is_diverse = isinstance(settings, DiverseSettings)
    name = "diverse_beam" if is_diverse else "beam"
    with contextlib.closing(load_model(args, lang)) as model:
        prompt_ids = prompt_token_ids(args.text, model, is_chat=args.chat)
        search = (
            diverse_beam(model, prompt_ids, settings)
            if isinstance(settings, DiverseSettings)
            else beam(model, prompt_ids, settings)
        )
        steps, found = finished(search)
        if args.json:
            flat = {"search": name, **dataclasses.asdict(settings)}
            print(json.dumps(view.hypotheses_json(model, prompt_ids, flat, steps, found), indent=2))
            return 0
        shown = {
            k: number(v, lang) for k, v in dataclasses.asdict(settings).items() if type(v) in (int, float)
        }
        print(say(lang, f"cli.search.{name}", model=model.spec.title, **shown) + "\n")
        print(view.hypotheses_table(model, found, lang, has_groups=is_diverse))
    return 0


def _beam_settings(args: argparse.Namespace) -> BeamSettings:
    """Diverse when --groups or --diversity is given."""
    knobs = {**_given(args, *BEAM_KNOBS), "max_tokens": args.max_tokens}
    if "early_stopping" in knobs:
        knobs["early_stopping"] = EARLY[knobs["early_stopping"]]
    is_diverse = "groups" in knobs or "diversity" in knobs
    return DiverseSettings(**knobs) if is_diverse else BeamSettings(**knobs)


def _run_speculative(args: argparse.Namespace, lang: str) -> int:
    settings = SpeculativeSettings(**_given(args, "draft_tokens", "seed"), max_tokens=args.max_tokens)
    chain, _ = chain_and_settings(args, NEUTRAL)
    if args.n_gram is not None and args.speculative != LOOKUP:
        raise OnlyWith("--n-gram", f"--speculative {LOOKUP}")
    lookup = LookupDraft(**_given(args, "n_gram"))
    with contextlib.closing(load_model(args, lang)) as model, contextlib.ExitStack() as opened:
        draft = lookup if args.speculative == LOOKUP else _draft(args.speculative, model, opened)
        prompt_ids = prompt_token_ids(args.text, model, is_chat=args.chat)
        rounds, told = finished(speculative(model, prompt_ids, draft, settings, chain=chain))
        if args.json:
            flat = {"search": "speculative", "draft": args.speculative, **dataclasses.asdict(settings)}
            flat = {**flat, "seed": told.seed, "samplers": chain.to_steps()}
            print(json.dumps(view.rounds_json(model, prompt_ids, flat, rounds, told), indent=2))
            return 0
        names = {"model": model.spec.title, "draft": printable(args.speculative), "seed": str(told.seed)}
        print(say(lang, "cli.search.speculative", **names) + "\n")
        print(view.rounds_table(model, rounds, lang))
        print("\n" + say(lang, "cli.search.legend"))
        counts = {"n_accepted": told.n_accepted, "n_judged": told.n_judged, "n_rounds": told.n_rounds}
        rate = percent(told.acceptance, lang)
        print(say(lang, "cli.search.accepted", **counts, rate=rate, n_tokens=len(told.token_ids)))
        print(visible_token(view.text_bytes(model, told.token_ids)))
    return 0


def _draft(name: str, model: LoadedModel, opened: contextlib.ExitStack) -> Draft:
    small = opened.enter_context(contextlib.closing(load(name)))
    return ModelDraft(small, model)
