"""What can go wrong in this room, each with its numbers.

HouseError
├── KnobOutOfRange           (ValueError)   a value outside its interval
│   └── ZeroTemperature                     0 is the sampler greedy
├── InvalidKnob              (ValueError)   a value of another kind: no list of token ids, no text
├── UnknownKnob              (ValueError)
├── MissingKnob              (ValueError)   a sampler without one of its values
├── UnknownSampler           (ValueError)
├── UnknownLibrary           (ValueError)   no preset of that name
├── UnknownLibrarySetting    (ValueError)   a setting that this library does not have
├── NotAStep                 (ValueError)   a chain is a list of {"sampler": name, ...}
├── NeedsVocabulary          (ValueError)   a sampler maps text onto tokens and has no model to ask
├── BreakerWithoutTokens     (ValueError)   a sequence breaker that no token of the vocabulary holds or begins
├── NeedsOtherLogits         (ValueError)   a sampler between two laws has only one
├── OtherLogitsDoNotFit      (ValueError)   the second row is of another vocabulary
├── InvalidGrammar           (ValueError)   a constraint that cannot be read
│   ├── EmptyGrammar                        nothing is written
│   ├── EmptyAlternative                    one of the answers to choose from is empty
│   ├── RepeatedAlternative                 one of them stands there twice
│   ├── GrammarFitsNothing                  no text fits
│   ├── GrammarTooDeep                      more brackets in brackets than are read
│   └── GrammarTooLarge                     it takes more work than one step may
├── GrammarRejects           (ValueError)   the text drawn so far does not fit
├── EmptyStopString          (ValueError)
├── StopNotText              (ValueError)
├── BrokenDistribution       (ArithmeticError)
│   ├── LogitsNotANumber                    at least one NaN
│   ├── LogitsInfinite                      at least one +inf
│   └── LogitsAllImpossible                 every logit is -inf
├── NothingToDraw            (ArithmeticError)   a sampler removed every token
├── ImpossibleDraw           (ArithmeticError)   a token of probability 0 was drawn: our own mistake
├── BeamsNotDivisible        (ValueError)   diverse beam search: groups of equal size
├── VocabulariesDiffer       (ValueError)   a draft model that does not speak the model's tokens
├── StepNotFound             (LookupError)  a row was never computed or has left the store: repeat the step
├── ModelNotReady            (RuntimeError) the default model is still loading
├── ModelNotLoaded           (RuntimeError) loading it ended in a mistake of ours
├── TraceUnreadable          (ValueError)
├── TraceUnwritable          (OSError)
└── NeedsLogits              (LookupError)  a redraw beyond the recorded survivors

The class name is the key of its French and English sentence in `ui/locales`; the attributes fill the blanks.
"""

from __future__ import annotations

from collections.abc import Callable

from models.errors import HouseError


def shortened(text: str) -> str:
    """What a person typed, at a length that a sentence can quote."""
    return text if len(text) <= 80 else text[:79] + "…"


def quoted(value: object, write: Callable[[object], str] = str) -> str:
    """A value as a message shows it, at most 80 characters."""
    try:
        return shortened(write(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


class KnobOutOfRange(HouseError, ValueError):
    """`name` is what the person typed: `top_p` among flat settings, `top_p.p` in a list of samplers.

    >>> str(KnobOutOfRange("top_p", "p", 1.5, "(0, 1]"))
    'top_p.p = 1.5 is outside (0, 1]; choose a value inside'
    """

    def __init__(self, sampler: str, knob: str, value: object, interval: str) -> None:
        self.sampler, self.knob, self.interval = sampler, knob, interval
        # a number, which each language writes its own way; JSON has no NaN and no infinity
        self.value = value if isinstance(value, int | float) and abs(value) < 1e100 else quoted(value)
        self.name = knob if sampler in ("", knob) else f"{sampler}.{knob}"
        super().__init__(f"{self.name} = {self.value} is outside {interval}; choose a value inside")


class ZeroTemperature(KnobOutOfRange):
    """Among flat settings 0 means greedy; in a list of steps greedy is written by its name."""

    def __init__(self, sampler: str) -> None:
        super().__init__(sampler, "temperature", 0, "(0, inf)")
        self.args = (
            f'{self.name} = 0 divides by nothing; write {{"sampler": "greedy"}} for always the most likely token',
        )


class InvalidKnob(HouseError, ValueError):
    """`expected` says what kind of value belongs there."""

    def __init__(self, sampler: str, knob: str, value: object, expected: str) -> None:
        self.sampler, self.knob, self.expected = sampler, knob, expected
        self.name = knob if sampler in ("", knob) else f"{sampler}.{knob}"
        self.value = quoted(value, repr)
        super().__init__(f"{self.name} = {self.value} is not {expected}; change it")


class UnknownKnob(HouseError, ValueError):
    def __init__(self, knob: str, known: list[str]) -> None:
        self.knob, self.known = shortened(knob), ", ".join(known)
        super().__init__(f"there is no setting called {self.knob}; choose among {self.known}")


class MissingKnob(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str) -> None:
        self.sampler, self.knob = sampler, knob
        super().__init__(f"the sampler {sampler} needs a value for {knob}; add it")


class UnknownSampler(HouseError, ValueError):
    def __init__(self, sampler: str, known: list[str]) -> None:
        self.sampler, self.known = shortened(sampler), ", ".join(known)
        super().__init__(f"there is no sampler called {self.sampler}; choose one of {self.known}")


class UnknownLibrary(HouseError, ValueError):
    def __init__(self, library: str, known: list[str]) -> None:
        self.library, self.known = shortened(library), ", ".join(known)
        super().__init__(f"there is no preset for {self.library}; choose one of {self.known}")


class UnknownLibrarySetting(HouseError, ValueError):
    def __init__(self, library: str, setting: str, known: list[str]) -> None:
        self.library, self.setting, self.known = library, shortened(setting), ", ".join(known)
        super().__init__(
            f"{library} has no setting called {self.setting} that we can read; choose among {self.known}"
        )


class NotAStep(HouseError, ValueError):
    def __init__(self, value: object) -> None:
        self.value = quoted(value, repr)
        super().__init__(
            f'{self.value} is no step of a chain; write a list of {{"sampler": name, knob: value, ...}}'
        )


class NeedsVocabulary(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str) -> None:
        self.sampler, self.knob = sampler, knob
        super().__init__(
            f"only a model's vocabulary says which tokens {sampler}.{knob} means; "
            "run it with a model, or give token ids"
        )


class BreakerWithoutTokens(HouseError, ValueError):
    def __init__(self, text: str) -> None:
        self.sampler, self.knob, self.text = "dry", "breakers", shortened(text)
        super().__init__(
            f"dry.breakers: no token of this model holds or begins {self.text!r}; leave it out or choose another"
        )


class NeedsOtherLogits(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str) -> None:
        self.sampler, self.knob = sampler, knob
        super().__init__(f"{sampler} compares two laws and has only one; give {knob}")


class OtherLogitsDoNotFit(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str, n_given: int, n_wanted: int) -> None:
        self.sampler, self.knob, self.n_given, self.n_wanted = sampler, knob, n_given, n_wanted
        super().__init__(
            f"{sampler}.{knob} has {n_given} logits where {n_wanted} are needed; take both rows from one vocabulary"
        )


class InvalidGrammar(HouseError, ValueError):
    """kind: choice, json_schema, regex, lark. reason: one line, in the words of the library that read it."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind, self.reason = kind, reason
        super().__init__(f"the {kind} constraint cannot be read: {reason}; correct it")


class EmptyGrammar(InvalidGrammar):
    def __init__(self, kind: str) -> None:
        super().__init__(kind, "it is empty")
        self.args = (f"the {kind} constraint is empty; write what the answer may be",)


class EmptyAlternative(InvalidGrammar):
    """`number` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__("choice", f"answer {number} is empty")
        self.number = number
        self.args = (f"answer {number} of the choice is empty; give it a character or take it out",)


class RepeatedAlternative(InvalidGrammar):
    """`number` counts from 1."""

    def __init__(self, alternative: str, number: int) -> None:
        super().__init__("choice", f"answer {number} stands there already")
        self.alternative, self.number = alternative, number
        self.args = (f'answer {number} of the choice, "{alternative}", stands there already; take one out',)


class GrammarFitsNothing(InvalidGrammar):
    def __init__(self, kind: str) -> None:
        super().__init__(kind, "no text fits it")
        self.args = (f"no text at all fits the {kind} constraint; loosen it",)


class GrammarTooDeep(InvalidGrammar):
    def __init__(self, kind: str, depth: int, limit: int) -> None:
        super().__init__(kind, f"brackets are nested {depth} deep")
        self.depth, self.limit = depth, limit
        self.args = (
            f"the {kind} constraint is nested {depth} brackets deep, the limit is {limit}; flatten it",
        )


class GrammarTooLarge(InvalidGrammar):
    """`reason`: the limit that was met, in the library's words."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.args = (f"the {kind} constraint takes too much work ({reason}); simplify it",)


class GrammarRejects(HouseError, ValueError):
    """The first `n_accepted` of the `n_generated` tokens after the prompt fit the constraint; the next one does not."""

    def __init__(self, kind: str, n_accepted: int, n_generated: int) -> None:
        self.kind, self.n_accepted, self.n_generated = kind, n_accepted, n_generated
        super().__init__(
            f"the text after the prompt does not fit the {kind} constraint: {n_accepted} of its {n_generated} "
            "tokens do; go back to there, or start again after the prompt"
        )


class EmptyStopString(HouseError, ValueError):
    def __init__(self) -> None:
        super().__init__("a stop string is empty and would stop before the first token; give it a character")


class StopNotText(HouseError, ValueError):
    def __init__(self, value: object) -> None:
        self.value = str(value)
        super().__init__(f"the stop string {self.value} is no text; write it between quotes")


class BrokenDistribution(HouseError, ArithmeticError):
    """Logits that no law can be made of."""


class LogitsNotANumber(BrokenDistribution):
    def __init__(self, n_bad: int, n_logits: int) -> None:
        self.n_bad, self.n_logits = n_bad, n_logits
        super().__init__(
            f"{n_bad} of {n_logits} logits are NaN, not a number; the model or a bias is damaged"
        )


class LogitsInfinite(BrokenDistribution):
    def __init__(self, n_bad: int, n_logits: int) -> None:
        self.n_bad, self.n_logits = n_bad, n_logits
        super().__init__(f"{n_bad} of {n_logits} logits are +infinity, which no probability can express")


class LogitsAllImpossible(BrokenDistribution):
    def __init__(self, n_logits: int) -> None:
        self.n_logits = n_logits
        super().__init__(f"all {n_logits} logits are -infinity: no token is possible after this text")


class NothingToDraw(HouseError, ArithmeticError):
    def __init__(self) -> None:
        super().__init__("every token was removed and none is left to draw; loosen a filter")


class StepNotFound(HouseError, LookupError):
    def __init__(self, step_id: str) -> None:
        self.step_id = shortened(step_id)
        super().__init__(f"the logits of step {self.step_id} are no longer kept; repeat the step")


class ImpossibleDraw(HouseError, ArithmeticError):
    def __init__(self, token_id: int) -> None:
        self.token_id = token_id
        super().__init__(
            f"token {token_id} was drawn although its probability is 0; this is a mistake of Logitbox, please report it"
        )


class BeamsNotDivisible(HouseError, ValueError):
    def __init__(self, beams: int, groups: int) -> None:
        self.beams, self.groups = beams, groups
        super().__init__(
            f"beams = {beams} cannot be shared equally among groups = {groups}; change one of them"
        )


class VocabulariesDiffer(HouseError, ValueError):
    """`token_id` is the first id that stands for other bytes."""

    def __init__(self, model: str, n_model: int, draft: str, n_draft: int, token_id: int) -> None:
        self.model, self.n_model, self.draft, self.n_draft = model, n_model, draft, n_draft
        self.token_id = token_id
        super().__init__(
            f"the draft model {draft} ({n_draft} tokens) and {model} ({n_model} tokens) differ from token {token_id} "
            "on; choose a draft model with the same vocabulary"
        )


class ModelNotReady(HouseError, RuntimeError):
    def __init__(self) -> None:
        super().__init__("the model is still loading; try again in a few seconds")


class ModelNotLoaded(HouseError, RuntimeError):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the model could not be loaded ({reason}); start again or choose another")


class TraceUnreadable(HouseError, ValueError):
    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} is not a trace Logitbox can read ({reason}); save it again or choose another"
        )


class TraceUnwritable(HouseError, OSError):
    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the trace cannot be saved to {path} ({reason}); choose another folder")


class NeedsLogits(HouseError, LookupError):
    def __init__(self, u: float, recorded_mass: float, n_recorded: int, n_total: int) -> None:
        self.u, self.recorded_mass, self.n_recorded, self.n_total = u, recorded_mass, n_recorded, n_total
        super().__init__(
            f"u = {u:.6f} lies beyond the {n_recorded} of {n_total} recorded tokens, which hold "
            f"{recorded_mass:.6f} of the probability; this draw needs the model"
        )
