"""Run a chat template that came with a model file and is not trusted.

Jinja's sandbox keeps it away from Python's insides. What it leaves open is work without end and texts without end, so
here every line of the running template is counted, and everything that can make a long text from a short one is
asked first how long the result would be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import FrameType
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.errors import ChatTemplateError

MAX_TEMPLATE_CHARACTERS = 64 << 10
MAX_CHARACTERS = 1 << 20  # of any text on the way, and of the result
MAX_SEPARATOR = 100  # between the joined pieces of a list
MAX_LINES = 500_000  # executed lines of the compiled template: about a second
# what templates in the field use; the others (center, indent, lipsum, ...) make long texts and are not needed
FILTERS = frozenset((
    "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "int", "items", "join",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round",
    "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper",
))  # fmt: skip
Message = Mapping[str, str]


def run_template(template: str, messages: Sequence[Message], special_texts: Mapping[str, str]) -> str:
    """The template's text for these messages. Raises ChatTemplateError, within about a second.

    >>> run_template("{% for m in messages %}[{{ m.role }}]{% endfor %}", [{"role": "user"}], {})
    '[user]'
    """
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise ChatTemplateError(f"it has {len(template)} characters")
    try:
        compiled = _compile(template)
        return _counted(lambda: _joined(compiled.generate(messages=messages, **_names(special_texts))))
    except ChatTemplateError:
        raise
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ChatTemplateError(f"{type(error).__name__}: {error}"[:200]) from None
    except (MemoryError, RecursionError) as error:
        raise ChatTemplateError(type(error).__name__) from None


def _compile(template: str) -> Template:
    sandbox = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    compiled = sandbox.from_string(template)
    # the operator ~ is compiled to this function, looked up among the template's own globals
    compiled.root_render_func.__globals__["str_join"] = _joined
    return compiled


def _names(special_texts: Mapping[str, str]) -> dict[str, Any]:
    def refuse(reason: object = "") -> None:
        raise ChatTemplateError(str(reason)[:200])

    return {
        "bos_token": "",
        "eos_token": "",
        **special_texts,
        "add_generation_prompt": True,
        "tools": None,
        "raise_exception": refuse,
        "strftime_now": lambda layout: datetime.now().strftime(str(layout)[:100]),
    }


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters |= {name: _measured(self.filters[name], name) for name in ("join", "replace")}
        self.globals = {
            name: value for name, value in self.globals.items() if name in ("range", "dict", "namespace")
        }

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise ChatTemplateError(f"it uses the operator {operator}")
        n = _size(left) * _size(right) if operator == "*" else _size(left) + _size(right)
        _check_size(0 if isinstance(left, int) and isinstance(right, int) else n)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Methods of texts too: `x.ljust(10**9)`, `x.replace("", x)`, `x.join(many)`."""
        owner = getattr(function, "__self__", None)
        if isinstance(owner, str):
            _check_result(getattr(function, "__name__", ""), owner, args)
        return super().call(context, function, *args, **kwargs)


def _measured(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A filter that is asked first. Its marks are kept: jinja reads there whether it wants the context."""

    def measured(*args: Any, **kwargs: Any) -> Any:
        values = [value for value in args if not isinstance(value, EvalContext)]
        if name == "join":
            _check_result(name, str(kwargs.get("d", values[1] if len(values) > 1 else "")), values)
        elif values:
            _check_result(name, str(values[0]), values[1:])
        return function(*args, **kwargs)

    measured.__dict__.update(vars(function))
    return measured


def _check_result(method: str, text: str, args: Sequence[Any]) -> None:
    """Refuse a call on a text whose result would be beyond reason."""
    if method == "replace" and len(args) > 1:
        _check_size((len(text) + 1) * (_size(args[1]) + 1) if _size(args[0]) < _size(args[1]) else 0)
    elif method == "join" and len(text) > MAX_SEPARATOR:
        raise ChatTemplateError("it builds a text beyond reason")
    elif method == "join" and args and isinstance(args[0], (list, tuple)):
        _check_size(sum(_size(item) + len(text) for item in args[0]))
    elif method in ("format", "format_map"):
        raise ChatTemplateError(f"it uses the method {method}")
    else:
        for number in args:
            _check_size(number if isinstance(number, int) else 0)


def _size(value: Any) -> int:
    return abs(value) if isinstance(value, int) else len(value) if hasattr(value, "__len__") else 0


def _check_size(n_characters: int) -> None:
    if n_characters > MAX_CHARACTERS:
        raise ChatTemplateError("it builds a text beyond reason")


def _joined(pieces: Iterable[Any]) -> str:
    texts, n_characters = [], 0
    for piece in pieces:
        texts.append(str(piece))
        n_characters += len(texts[-1])
        _check_size(n_characters)
    return "".join(texts)


def _counted(work: Callable[[], str]) -> str:
    """Run it and count the lines that run in compiled templates; too many end it. For this thread alone."""
    n_lines = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal n_lines
        if frame.f_code.co_filename != "<template>":
            return None
        if event == "line":
            n_lines += 1
            if n_lines > MAX_LINES:
                raise ChatTemplateError("it loops without end")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        return work()
    finally:
        sys.settrace(before)
