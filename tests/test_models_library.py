"""Names, paths and the catalogue lead to a model or to one sentence."""

import hashlib

import pytest

from models import load
from models.catalog import EMBEDDED_ID, catalog, french_capable
from models.errors import EmptyPrompt, InvalidText, NotAModel, PromptTooLarge, UnknownModel
from models.library import embedded_file, file_sha256, installed, locate
from models.text import MAX_CHARACTERS, check_text


def test_the_embedded_file_is_the_one_the_catalogue_pins():
    assert file_sha256(embedded_file()) == catalog()[EMBEDDED_ID].sha256
    assert embedded_file().stat().st_size == catalog()[EMBEDDED_ID].size_bytes


def test_every_catalogue_entry_is_complete():
    for spec in catalog().values():
        assert spec.title and spec.license and spec.languages and spec.filename.endswith(".gguf")
        assert spec.n_params > 0 and spec.size_bytes > 0 and spec.context_length > 0
        assert spec.id == EMBEDDED_ID or spec.repo_id.count("/") == 1


def test_some_model_of_the_catalogue_speaks_french():
    assert french_capable() and EMBEDDED_ID not in {spec.id for spec in french_capable()}


def test_nothing_given_means_the_embedded_model():
    assert locate(None)[0].id == EMBEDDED_ID and set(installed()) == {EMBEDDED_ID, "toy"}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("no-such-model", UnknownModel),
        ("luth-0.6b-instruct", UnknownModel),  # known to the catalogue, not on this machine
        ("./nowhere/model.gguf", NotAModel),
        ("~/nowhere", NotAModel),
        (__file__, NotAModel),
        ("~nosuchuser/model.gguf", NotAModel),
        ("x" * 5000 + ".gguf", NotAModel),
        ("a\0b.gguf", NotAModel),
        ("/dev/null", NotAModel),
    ],
)
def test_a_wrong_name_or_path_is_named(source, error):
    with pytest.raises(error):
        load(source)


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(NotAModel, match=r"no \.safetensors"):
        load(tmp_path)


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"logitbox")
    assert file_sha256(tmp_path / "x") == hashlib.sha256(b"logitbox").hexdigest()


def test_text_is_checked_with_numbers():
    check_text("a" * MAX_CHARACTERS)
    check_text("\x00")
    with pytest.raises(PromptTooLarge) as error:
        check_text("a" * 1_000_000)
    assert error.value.data == {"n_characters": 1_000_000, "limit": MAX_CHARACTERS}
    with pytest.raises(EmptyPrompt):
        check_text("")
    with pytest.raises(InvalidText):
        check_text("ab\udfff")


def test_a_file_that_changed_has_another_hash(tmp_path):
    (tmp_path / "x").write_bytes(b"one")
    before = file_sha256(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"other")
    assert file_sha256(tmp_path / "x") == hashlib.sha256(b"other").hexdigest() != before


@pytest.mark.real
def test_a_trace_names_the_file_by_its_hash(embedded):
    from sandbox import SamplingSettings, generate

    story = generate(embedded, [504], SamplingSettings(temperature=0, max_tokens=1))
    assert [*story] and story.trace.model.sha256 == catalog()[EMBEDDED_ID].sha256
