"""What can go wrong in this room, each with its numbers.

HouseError
├── KnobOutOfRange           (ValueError)   a value outside its interval
│   └── ZeroTemperature                     0 is the sampler greedy
├── InvalidKnob              (ValueError)   a value of another kind: no list of token ids, no text
├── UnknownKnob              (ValueError)
├── MissingKnob              (ValueError)   a sampler without one of its values
├── UnknownSampler           (ValueError)
├── NotAStep                 (ValueError)   a chain is a list of {"sampler": name, ...}
├── NeedsVocabulary          (ValueError)   a sampler maps text onto tokens and has no model to ask
├── NeedsOtherLogits         (ValueError)   a sampler between two laws has only one
├── OtherLogitsDoNotFit      (ValueError)   the second row is of another vocabulary
├── EmptyStopString          (ValueError)
├── StopNotText              (ValueError)
├── BrokenDistribution       (ArithmeticError)
│   ├── LogitsNotANumber                    at least one NaN
│   ├── LogitsInfinite                      at least one +inf
│   └── LogitsAllImpossible                 every logit is -inf
├── NothingToDraw            (ArithmeticError)   a sampler removed every token
├── ModelNotReady            (RuntimeError) the default model is still loading
├── ModelNotLoaded           (RuntimeError) loading it ended in a mistake of ours
├── TraceUnreadable          (ValueError)
├── TraceUnwritable          (OSError)
└── NeedsLogits              (LookupError)  a redraw beyond the recorded survivors

The class name is the key of its French and English sentence in `ui/locales`; the attributes fill the blanks.
"""

from __future__ import annotations

import math

from models.errors import HouseError


class KnobOutOfRange(HouseError, ValueError):
    """`name` is what the person typed: `top_p` among flat settings, `top_p.p` in a list of samplers.

    >>> str(KnobOutOfRange("top_p", "p", 1.5, "(0, 1]"))
    'top_p.p = 1.5 is outside (0, 1]; choose a value inside'
    """

    def __init__(self, sampler: str, knob: str, value: object, interval: str) -> None:
        self.sampler, self.knob, self.interval = sampler, knob, interval
        # a number, which each language writes its own way; JSON has no NaN and no infinity
        self.value = value if isinstance(value, int | float) and abs(value) < math.inf else str(value)
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
        self.value = text if len(text := repr(value)) <= 80 else text[:79] + "…"
        super().__init__(f"{self.name} = {self.value} is not {expected}; change it")


class UnknownKnob(HouseError, ValueError):
    def __init__(self, knob: str, known: list[str]) -> None:
        self.knob, self.known = knob, ", ".join(known)
        super().__init__(f"there is no setting called {knob}; choose among {self.known}")


class MissingKnob(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str) -> None:
        self.sampler, self.knob = sampler, knob
        super().__init__(f"the sampler {sampler} needs a value for {knob}; add it")


class UnknownSampler(HouseError, ValueError):
    def __init__(self, sampler: str, known: list[str]) -> None:
        self.sampler, self.known = sampler, ", ".join(known)
        super().__init__(f"there is no sampler called {sampler}; choose one of {self.known}")


class NotAStep(HouseError, ValueError):
    def __init__(self, value: object) -> None:
        self.value = text if len(text := repr(value)) <= 80 else text[:79] + "…"
        super().__init__(
            f'{self.value} is no step of a chain; write a list of {{"sampler": name, knob: value, ...}}'
        )


class NeedsVocabulary(HouseError, ValueError):
    def __init__(self, sampler: str, knob: str) -> None:
        self.sampler, self.knob = sampler, knob
        super().__init__(
            f"{sampler}.{knob} is text, and only a model's vocabulary says which tokens it is; "
            "run it with a model, or give token ids"
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
