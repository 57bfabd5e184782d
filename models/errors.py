"""What can go wrong in this room, each with its numbers.

HouseError
├── ModelFileError        (ValueError)   the path is no model, or a damaged one
│   ├── NotAModel
│   └── DamagedModel
├── EngineMissing         (ImportError)  the library behind an engine is not installed
├── UnknownEngine         (ValueError)
├── UnknownModel          (LookupError)
├── NotEnoughMemory       (MemoryError)
├── InvalidContextLength  (ValueError)
├── EmptyPrompt           (ValueError)
├── PromptTooLarge        (ValueError)
├── InvalidText           (ValueError)   a lone surrogate
├── InvalidTokenId        (ValueError)
├── ContextFull           (ValueError)
├── ChatTemplateError     (ValueError)
├── BrokenLogits          (ArithmeticError)
├── EngineFailed          (RuntimeError)
├── EngineClosed          (RuntimeError)
├── Cancelled             (RuntimeError)
├── Busy                  (RuntimeError)
├── FolderNotWritable     (OSError)
├── FolderNotEmpty        (OSError)      the target of a move already holds something
├── FolderInsideItself    (OSError)      the target of a move lies in what is moved
├── FolderNotOurs         (OSError)      not made by us, or the one a person is in
└── HomeIsSet             (ValueError)   a move would not be remembered

The class name is the key of its French and English sentence in `ui/locales`; the attributes fill the blanks.
"""

from __future__ import annotations


class HouseError(Exception):
    """Base of every error a person can cause. `data` holds the public attributes, ready for JSON."""

    @property
    def data(self) -> dict[str, object]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}


class ModelFileError(HouseError, ValueError):
    """A file or folder that cannot be loaded as a model."""


class NotAModel(ModelFileError):
    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} is not a model Logitbox can read ({reason}); give a .gguf file or a folder with .safetensors"
        )


class DamagedModel(ModelFileError):
    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} is damaged or unsafe ({reason}); fetch the file again from a source you trust"
        )


class EngineMissing(HouseError, ImportError):
    def __init__(self, engine: str, package: str, extra: str) -> None:
        self.engine, self.package, self.extra = engine, package, extra
        super().__init__(
            f"the engine {engine} needs {package}; install it with: pip install 'logitbox[{extra}]'"
        )


class UnknownEngine(HouseError, ValueError):
    def __init__(self, engine: str, known: list[str]) -> None:
        self.engine, self.known = engine, ", ".join(known)
        super().__init__(f"there is no engine called {engine}; choose one of {self.known}")


class UnknownModel(HouseError, LookupError):
    def __init__(self, name: str, known: list[str]) -> None:
        self.name, self.known = name, ", ".join(known)
        super().__init__(f"no model called {name} is on this machine; there is {self.known}, or give a path")


class NotEnoughMemory(HouseError, MemoryError):
    def __init__(self, needed_mib: int, free_mib: int, context_length: int) -> None:
        self.needed_mib, self.free_mib, self.context_length = needed_mib, free_mib, context_length
        super().__init__(
            f"a context of {context_length} tokens needs about {needed_mib} MiB and {free_mib} MiB are free; "
            f"choose a shorter context or a smaller model"
        )


class InvalidContextLength(HouseError, ValueError):
    def __init__(self, context_length: int) -> None:
        self.context_length = context_length
        super().__init__(
            f"a context of {context_length} tokens is not possible; give a whole number from 1 up"
        )


class EmptyPrompt(HouseError, ValueError):
    def __init__(self) -> None:
        super().__init__("the text is empty; type at least one character")


class PromptTooLarge(HouseError, ValueError):
    def __init__(self, n_characters: int, limit: int) -> None:
        self.n_characters, self.limit = n_characters, limit
        super().__init__(f"the text has {n_characters} characters and the limit is {limit}; shorten it")


class InvalidText(HouseError, ValueError):
    def __init__(self, position: int, code_point: str) -> None:
        self.position, self.code_point = position, code_point
        super().__init__(
            f"character {position} ({code_point}) is half of a character and stands for nothing; delete it"
        )


class InvalidTokenId(HouseError, ValueError):
    def __init__(self, token_id: int, vocab_size: int) -> None:
        self.token_id, self.vocab_size = token_id, vocab_size
        super().__init__(f"{token_id} is not a token of this model; ids go from 0 to {vocab_size - 1}")


class ContextFull(HouseError, ValueError):
    def __init__(self, n_tokens: int, context_length: int) -> None:
        self.n_tokens, self.context_length = n_tokens, context_length
        self.n_excess = n_tokens - context_length
        super().__init__(
            f"{n_tokens} tokens do not fit a context of {context_length}; "
            f"shorten the text by {self.n_excess} or load with a larger context"
        )


class ChatTemplateError(HouseError, ValueError):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the model's chat template cannot be used ({reason}); continue a plain text instead"
        )


class BrokenLogits(HouseError, ArithmeticError):
    def __init__(self, n_bad: int, vocab_size: int) -> None:
        self.n_bad, self.vocab_size = n_bad, vocab_size
        super().__init__(
            f"the model returned {n_bad} of {vocab_size} logits that are not numbers; its file is probably damaged"
        )


class EngineFailed(HouseError, RuntimeError):
    def __init__(self, engine: str, reason: str) -> None:
        self.engine, self.reason = engine, reason
        super().__init__(f"the engine {engine} could not answer ({reason}); try again or load the model anew")


class EngineClosed(HouseError, RuntimeError):
    def __init__(self, engine: str) -> None:
        self.engine = engine
        super().__init__(f"the engine {engine} was closed; load the model again")


class Cancelled(HouseError, RuntimeError):
    def __init__(self) -> None:
        super().__init__("cancelled")


class Busy(HouseError, RuntimeError):
    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"the model is busy; try again in about {retry_after_s:.0f} seconds")


class FolderNotWritable(HouseError, OSError):
    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"the folder {path} cannot be written; choose another with LOGITBOX_HOME")


class FolderNotEmpty(HouseError, OSError):
    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"the folder {path} is not empty; name a new or an empty one")


class FolderInsideItself(HouseError, OSError):
    def __init__(self, path: str, folder: str) -> None:
        self.path, self.folder = path, folder
        super().__init__(f"{path} lies inside {folder}, which would move into itself; name a folder outside")


class FolderNotOurs(HouseError, OSError):
    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path} is left as it is: Logitbox did not make it, or it is your own folder or the one you are in; "
            f"choose a new or an empty one"
        )


class HomeIsSet(HouseError, ValueError):
    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"LOGITBOX_HOME says {path} and would hide the new place; unset it, then move")
