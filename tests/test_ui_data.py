"""`logitbox data`: one private folder, moved whole, erased only when asked."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from models.errors import (
    FolderInsideItself,
    FolderNotEmpty,
    FolderNotOurs,
    FolderNotWritable,
    HomeIsSet,
)
from models.home import (
    chosen_by,
    data_dir,
    erase_home,
    move_home,
    open_home,
    private_folder,
    size_of,
    write_private,
)
from ui.cli import main

no_permissions = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root and Windows ignore the mode; runs as an ordinary user"
)


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    """Platform folders inside tmp_path, nothing chosen."""
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "config")
    monkeypatch.delenv("LOGITBOX_HOME", raising=False)
    monkeypatch.setenv("LOGITBOX_LANG", "en")


def fill(folder) -> None:
    private_folder(folder)
    (folder / "traces").mkdir()
    write_private(folder / "traces" / "one.json", "{}")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_platform_chooses_unless_somebody_else_does(monkeypatch, tmp_path):
    assert (data_dir(), chosen_by()) == (tmp_path / "data", "default")
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "mine"))
    assert (data_dir(), chosen_by()) == (tmp_path / "mine", "variable")


def test_looking_writes_nothing(capsys, tmp_path):
    assert main(["data"]) == 0
    assert "nothing written yet" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions elsewhere")
def test_folders_and_files_are_private():
    before = os.umask(0)
    try:
        fill(data_dir())
    finally:
        os.umask(before)
    assert mode(data_dir()) == 0o700 and mode(data_dir() / "traces" / "one.json") == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions elsewhere")
def test_an_older_open_folder_is_closed(tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)
    assert mode(private_folder(data_dir())) == 0o700


def test_a_moved_folder_is_found_again(capsys, tmp_path):
    fill(data_dir())
    assert main(["data", "move", str(tmp_path / "new" / "place")]) == 0
    assert (data_dir(), chosen_by()) == (tmp_path / "new" / "place", "moved")
    assert (data_dir() / "traces" / "one.json").read_text() == "{}"
    assert not (tmp_path / "data").exists()
    assert "new" in capsys.readouterr().out


def test_a_place_can_be_chosen_before_anything_is_written(tmp_path):
    move_home(tmp_path / "new")
    assert data_dir() == tmp_path / "new"


@pytest.mark.parametrize("target", ["full", "file"])
def test_a_move_overwrites_nothing(tmp_path, target):
    fill(data_dir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderNotEmpty):
        move_home(tmp_path / target)
    assert size_of(data_dir()) == (1, 2) and chosen_by() == "default"


def test_a_folder_cannot_move_into_itself(tmp_path):
    fill(data_dir())
    with pytest.raises(FolderInsideItself):
        move_home(tmp_path / "data" / "inside")
    assert size_of(data_dir()) == (1, 2) and chosen_by() == "default"


def test_nothing_moves_while_the_variable_would_hide_the_new_place(monkeypatch, tmp_path):
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "mine"))
    open_home()
    with pytest.raises(HomeIsSet):
        move_home(tmp_path / "new")
    assert (tmp_path / "mine").exists() and not (tmp_path / "new").exists()


@pytest.fixture(params=["variable", "note"])
def thesis(request, monkeypatch, tmp_path) -> Path:
    """A file of the person's, in the folder that the variable or a note names."""
    folder = tmp_path / "docs"
    folder.mkdir(mode=0o755)
    (folder / "thesis.txt").write_text("three years")
    if request.param == "variable":
        monkeypatch.setenv("LOGITBOX_HOME", str(folder))
    else:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "home.json").write_text(json.dumps({"data_dir": str(folder)}))
    return folder / "thesis.txt"


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_folder_we_did_not_make_is_not_erased(capsys, thesis, lang):
    assert main(["data", "erase", "--yes", "--lang", lang]) == 1
    captured = capsys.readouterr()
    assert thesis.read_text() == "three years"
    assert captured.out == "" and "docs" in captured.err and len(captured.err.splitlines()) == 1


def test_a_folder_we_did_not_make_is_neither_used_nor_closed(thesis):
    before = mode(thesis.parent)
    with pytest.raises(FolderNotOurs):
        open_home()
    assert mode(thesis.parent) == before and [entry.name for entry in thesis.parent.iterdir()] == [
        "thesis.txt"
    ]


def test_a_folder_we_did_not_make_is_not_moved(thesis, monkeypatch, tmp_path):
    with pytest.raises((FolderNotOurs, HomeIsSet)):
        move_home(tmp_path / "new")
    assert thesis.exists() and not (tmp_path / "new").exists()


def test_a_folder_we_made_where_the_variable_says_is_erased(monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "mine"))
    fill(open_home())
    assert main(["data", "erase", "--yes"]) == 0 and not (tmp_path / "mine").exists()


def test_a_moved_folder_is_ours(tmp_path):
    fill(open_home())
    move_home(tmp_path / "new")
    move_home(tmp_path / "newer")
    erase_home()
    assert not (tmp_path / "new").exists() and not (tmp_path / "newer").exists()


@pytest.mark.parametrize("name", ["/", "person", "person/here"])
def test_the_root_and_where_a_person_lives_or_stands_are_never_touched(monkeypatch, tmp_path, name):
    (tmp_path / "person" / "here").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "person"))
    monkeypatch.chdir(tmp_path / "person" / "here")
    monkeypatch.setattr("shutil.rmtree", lambda *_: pytest.fail("erased"))
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / name))  # joining "/" gives the root itself
    for touch in (open_home, erase_home):
        with pytest.raises(FolderNotOurs):
            touch()
    assert not any((tmp_path / "person" / "here").iterdir())


@pytest.mark.parametrize("name", ["~nosuchuser/x", "x" * 5000])
def test_a_path_that_cannot_be_one_is_one_sentence(capsys, monkeypatch, name):
    assert main(["data", "move", name]) == 1
    monkeypatch.setenv("LOGITBOX_HOME", name)
    assert main(["data"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("cannot be written" in line for line in lines)


def test_a_damaged_note_is_no_obstacle(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "home.json").write_text("[")
    assert data_dir() == tmp_path / "data"


@pytest.mark.parametrize(
    ("lang", "yes", "no"), [("en", "yes", "no"), ("fr", "oui", "non"), ("fr", " OUI ", "")]
)
def test_erasing_asks_first(capsys, monkeypatch, lang, yes, no):
    fill(data_dir())
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{no}\n{yes}\n"))
    assert main(["data", "erase", "--lang", lang]) == 1 and data_dir().exists()
    assert main(["data", "erase", "--lang", lang]) == 0 and not data_dir().exists()


def test_no_answer_is_a_no(monkeypatch):
    fill(data_dir())
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["data", "erase"]) == 1 and data_dir().exists()


def test_yes_on_the_command_line_asks_nothing():
    fill(data_dir())
    assert main(["data", "erase", "--yes"]) == 0 and not data_dir().exists()
    assert main(["data", "erase", "--yes"]) == 0


def test_erasing_forgets_a_moved_place(tmp_path):
    move_home(tmp_path / "new")
    erase_home()
    assert data_dir() == tmp_path / "data"


def test_a_folder_that_is_a_file_is_one_sentence(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LOGITBOX_HOME", str(tmp_path / "file"))
    with pytest.raises(FolderNotWritable):
        private_folder(data_dir())
    assert main(["ui", "--port", "0", "--no-browser", "--engine", "toy"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "cannot be written" in err


@no_permissions
def test_a_read_only_folder_is_one_sentence(capsys, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(FolderNotWritable):
        private_folder(tmp_path / "locked" / "data")
    assert main(["generate", "a", "--engine", "toy", "--trace", str(tmp_path / "locked" / "t.json")]) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "kept.json"
    write_private(target, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderNotWritable):
        write_private(target, "new")
    assert target.read_text() == "old" and [p.name for p in tmp_path.iterdir() if p.is_file()] == [
        "kept.json"
    ]
