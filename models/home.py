"""Where everything we write lies: one folder, private to the account.

LOGITBOX_HOME chooses it for one run; a folder moved with `move_home` is remembered in the platform's config
folder; otherwise it is the platform's data folder.

MARKER lies in every folder we made. Without it we neither close, move nor erase a folder that holds something:
LOGITBOX_HOME may name any folder of the person's.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Literal

import platformdirs

from models.errors import (
    FolderInsideItself,
    FolderNotEmpty,
    FolderNotOurs,
    FolderNotWritable,
    HomeIsSet,
)

PRIVATE = 0o700
VARIABLE = "LOGITBOX_HOME"
MARKER = "made-by-logitbox.txt"
MARKER_TEXT = "Logitbox made this folder; `logitbox data erase` deletes it with everything in it.\n"
Choice = Literal["variable", "moved", "default"]


def data_dir() -> Path:
    """The folder's path; it may not exist yet. Raises FolderNotWritable for a path that cannot be one.

    >>> os.environ["LOGITBOX_HOME"] = "/somewhere/else"
    >>> data_dir().as_posix(), chosen_by()
    ('/somewhere/else', 'variable')
    >>> del os.environ["LOGITBOX_HOME"]
    """
    asked = os.environ.get(VARIABLE)
    if asked:
        return _absolute(asked)
    return _moved_to() or platformdirs.user_data_path("logitbox", appauthor=False)


def chosen_by() -> Choice:
    """Who chose the folder."""
    if os.environ.get(VARIABLE):
        return "variable"
    return "moved" if _moved_to() else "default"


def open_home() -> Path:
    """The data folder, made if need be, marked as ours and private. Raises FolderNotOurs, FolderNotWritable."""
    return _claim(data_dir())


def check_ours(folder: Path) -> None:
    """Raises FolderNotOurs where moving or erasing would touch what we did not make, or where a person stands."""
    if _holds_a_person(folder) or not _is_ours(folder):
        raise FolderNotOurs(str(folder))


def private_folder(path: Path) -> Path:
    """Make a folder that only this account can enter. Raises FolderNotWritable."""
    try:
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        path.chmod(PRIVATE)  # mkdir's mode passes through the umask, and the folder may be older than we are
    except OSError as error:
        raise FolderNotWritable(str(path)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise FolderNotWritable(str(path))
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by this account alone. Raises FolderNotWritable.

    Written beside and renamed: a full disk leaves the old file as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FolderNotWritable(str(path.parent)) from error


def size_of(path: Path) -> tuple[int, int]:
    """Files and bytes under a folder; (0, 0) where there is none."""
    files = [entry for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink()]
    return len(files), sum(entry.stat().st_size for entry in files)


def move_home(target: Path) -> Path:
    """Move the folder and remember the new place.

    Raises HomeIsSet, FolderInsideItself, FolderNotEmpty, FolderNotOurs, FolderNotWritable.
    """
    source, target = data_dir(), _absolute(target)
    if chosen_by() == "variable":
        raise HomeIsSet(str(source))
    if target.resolve() == source.resolve():
        return source
    if source.resolve() in target.resolve().parents:
        raise FolderInsideItself(str(target), str(source))
    if target.is_file() or _is_filled(target):
        raise FolderNotEmpty(str(target))
    check_ours(source)
    _claim(target)
    _copy_then_remember(source, target)
    shutil.rmtree(source, ignore_errors=True)
    return target


def erase_home() -> None:
    """Delete the folder and forget a moved place. Raises FolderNotOurs, FolderNotWritable."""
    folder = data_dir()
    check_ours(folder)
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise FolderNotWritable(str(folder)) from error
    if chosen_by() == "moved":
        _note().unlink(missing_ok=True)


def _absolute(path: str | Path) -> Path:
    try:
        whole = Path(path).expanduser().absolute()
        whole.exists()  # asks the system whether the name is one at all: it may be too long
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody, whom nobody knows
        raise FolderNotWritable(str(path)) from error
    return whole


def _claim(folder: Path) -> Path:
    if not (folder / MARKER).is_file():
        if not _is_ours(folder) or _holds_a_person(folder):
            raise FolderNotOurs(str(folder))
        write_private(private_folder(folder) / MARKER, MARKER_TEXT)
    return private_folder(folder)


def _is_ours(folder: Path) -> bool:
    """Marked, or empty, or the platform's folder, which bears our name."""
    is_named = folder == platformdirs.user_data_path("logitbox", appauthor=False)
    return is_named or (folder / MARKER).is_file() or not _is_filled(folder)


def _is_filled(folder: Path) -> bool:
    """Raises FolderNotWritable where we may not look."""
    try:
        return folder.is_dir() and any(folder.iterdir())
    except OSError as error:
        raise FolderNotWritable(str(folder)) from error


def _holds_a_person(folder: Path) -> bool:
    """The root, the account's own folder, the current one, or a folder around these."""
    folder = folder.resolve()
    return any(place.resolve().is_relative_to(folder) for place in (Path.home(), Path.cwd()))


def _copy_then_remember(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
            target.chmod(PRIVATE)  # copytree gives the copy the mode of the original
    except OSError as error:
        raise FolderNotWritable(str(target)) from error
    private_folder(_note().parent)
    write_private(_note(), json.dumps({"data_dir": str(target)}))


def _note() -> Path:
    return platformdirs.user_config_path("logitbox", appauthor=False) / "home.json"


def _moved_to() -> Path | None:
    try:
        kept = json.loads(_note().read_text(encoding="utf-8"))
        return Path(kept["data_dir"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no note, or one we did not write: the platform's folder counts
