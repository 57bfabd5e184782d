"""From messages to token ids, by the model's own chat template.

The template may write control tokens such as <|im_start|>; what a person wrote may not, wherever it lands. So every
message text and role is fenced by markers while the template runs, and afterwards only the parts outside the
fences are searched for control tokens. Text across a fence is still cut into tokens as one text, so the ids are
those of the template rendered as a whole.

The template comes from a model file and is not trusted: a sandbox, no loops without end, no giant texts.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.engine import Tokenizer
from models.errors import ChatTemplateError
from models.text import check_text

if TYPE_CHECKING:
    from models.loading import LoadedModel

MAX_TEMPLATE_CHARACTERS = 64 << 10
MAX_RENDERED_CHARACTERS = 1 << 20
MAX_LOOP_TURNS = 200_000


@dataclass(frozen=True)
class Segment:
    """A stretch of the rendered prompt: written by the template, or taken from a message."""

    kind: Literal["template", "content"]
    text: str
    message_index: int | None = None


@dataclass(frozen=True)
class RenderedPrompt:
    token_ids: list[int]
    segments: list[Segment]

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)


def render(messages: Sequence[Mapping[str, str]], model: LoadedModel) -> RenderedPrompt:
    """Messages `{"role", "content"}` as the prompt of an answer. Raises ChatTemplateError, EmptyPrompt, InvalidText."""
    if not model.chat_template:
        raise ChatTemplateError("this model has none")
    if not messages:
        raise ChatTemplateError("there is no message")
    for message in messages:
        check_text(message["role"])
        check_text(message["content"])
    segments = render_segments(model.chat_template, messages, _special_texts(model.tokenizer))
    return RenderedPrompt(encode_segments(segments, model.tokenizer), segments)


def render_segments(
    template: str, messages: Sequence[Mapping[str, str]], special_texts: Mapping[str, str]
) -> list[Segment]:
    """The prompt text, cut where a message begins or ends.

    >>> chat = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    >>> [s.text for s in render_segments(chat, [{"role": "user", "content": "[x]"}], {})]
    ['[user] ', '[x]']
    """
    fence = secrets.token_hex(8)  # unguessable, so that a message cannot write it
    rendered = _run(template, [_fenced(m, i, fence) for i, m in enumerate(messages)], special_texts)
    segments = list(_cut(rendered, fence))
    plain = _run(template, [dict(m) for m in messages], special_texts)
    if "".join(segment.text for segment in segments) != plain:
        # the template looks at the text, most often to trim it: fence what is left after trimming
        trimmed = [{k: v.strip() for k, v in m.items()} for m in messages]
        segments = list(
            _cut(_run(template, [_fenced(m, i, fence) for i, m in enumerate(trimmed)], special_texts), fence)
        )
        if "".join(segment.text for segment in segments) != plain:
            raise ChatTemplateError(
                "it rewrites the messages, so that they cannot be told from its own words"
            )
    return segments


def encode_segments(segments: Sequence[Segment], tokenizer: Tokenizer) -> list[int]:
    """Token ids: control tokens only where the template wrote them, everything between as one text."""
    special = {tokenizer.token_bytes(i).decode("utf-8", "replace"): i for i in tokenizer.special_ids}
    special.pop("", None)
    pattern = re.compile(
        "|".join(re.escape(text) for text in sorted(special, key=len, reverse=True)) or r"(?!)"
    )
    token_ids: list[int] = []
    pending = ""
    for segment in segments:
        rest = segment.text
        while segment.kind == "template" and (match := pattern.search(rest)):
            token_ids += [*_encode(tokenizer, pending + rest[: match.start()]), special[match.group()]]
            pending, rest = "", rest[match.end() :]
        pending += rest
    return token_ids + _encode(tokenizer, pending)


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special=False, parse_special=False) if text else []


def _fenced(message: Mapping[str, str], index: int, fence: str) -> dict[str, str]:
    return {
        key: f"{fence}<{index}{key[0]}{value}>{fence}" if key == "content" or _is_unusual(value) else value
        for key, value in message.items()
    }


def _is_unusual(role: str) -> bool:
    """Templates compare roles with words they know; a role that is no plain word is fenced like a text."""
    return not re.fullmatch(r"[A-Za-z_-]{1,32}", role)


def _cut(rendered: str, fence: str) -> Iterator[Segment]:
    at = 0
    for match in re.finditer(f"{fence}<(\\d+)[cr](.*?)>{fence}", rendered, re.DOTALL):
        if match.start() > at:
            yield Segment("template", rendered[at : match.start()])
        yield Segment("content", match.group(2), int(match.group(1)))
        at = match.end()
    if at < len(rendered):
        yield Segment("template", rendered[at:])


def _special_texts(tokenizer: Tokenizer) -> dict[str, str]:
    """The names templates use for the first and last token, as text."""
    texts = {}
    if tokenizer.bos_id is not None:
        texts["bos_token"] = tokenizer.token_bytes(tokenizer.bos_id).decode("utf-8", "replace")
    if tokenizer.eos_ids:
        texts["eos_token"] = tokenizer.token_bytes(min(tokenizer.eos_ids)).decode("utf-8", "replace")
    return {"bos_token": "", "eos_token": "", **texts}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's own sandbox, which forbids attributes; here also loops and multiplied texts beyond reason."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [
            x if isinstance(x, int) else len(x)
            for x in (left, right)
            if isinstance(x, (int, str, list, tuple))
        ]
        if operator == "**" or (len(sizes) == 2 and sizes[0] * sizes[1] > MAX_RENDERED_CHARACTERS):
            raise ChatTemplateError("it builds a text beyond reason")
        return super().call_binop(context, operator, left, right)


def _run(template: str, messages: list[dict[str, str]], special_texts: Mapping[str, str]) -> str:
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise ChatTemplateError(f"it has {len(template)} characters")
    turns = 0

    def bounded_range(*bounds: int) -> Iterator[int]:
        nonlocal turns
        for i in range(*bounds):
            turns += 1
            if turns > MAX_LOOP_TURNS:
                raise ChatTemplateError("it loops without end")
            yield i

    def refuse(reason: object = "") -> None:
        raise ChatTemplateError(str(reason)[:200])

    sandbox = _Sandbox(trim_blocks=True, lstrip_blocks=True)
    sandbox.globals |= {"range": bounded_range, "raise_exception": refuse}
    rendered = ""
    try:
        for piece in sandbox.from_string(template).generate(
            messages=messages, add_generation_prompt=True, tools=None, **special_texts
        ):
            rendered += piece
            if len(rendered) > MAX_RENDERED_CHARACTERS:
                raise ChatTemplateError("what it writes has no end")
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        if isinstance(error, ChatTemplateError):
            raise
        raise ChatTemplateError(f"{type(error).__name__}: {error}"[:200]) from None
    return rendered
