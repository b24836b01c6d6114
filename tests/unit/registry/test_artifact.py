import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.registry import artifact
from tests.unit.workspace.memory_store import MemoryStore

FILES = {"model.onnx": b"\x00weights", "popular.json": b"{}"}


@pytest.fixture
def store():
    return MemoryStore()


def refused(store, saved, **changed) -> Exception:
    arguments = {"key": saved.key, "digest": saved.digest, **changed}
    with pytest.raises((ConfigError, DataError)) as caught:
        artifact.load(store, **arguments)
    return caught.value


def test_what_was_saved_is_loaded(store):
    saved = artifact.save(store, "movies", FILES)
    assert artifact.load(store, saved.key, saved.digest) == FILES
    assert artifact.load(store, saved.key + "/", saved.digest) == FILES
    assert saved.size == 10


def test_the_digest_is_that_of_the_manifest_and_names_the_folder(store):
    saved = artifact.save(store, "movies", FILES)
    manifest = store.blobs[f"{saved.key}/manifest.json"]
    assert json.loads(manifest)["popular.json"] == artifact.digest_of(b"{}")
    assert saved.digest == "sha256:" + hashlib.sha256(manifest).hexdigest()
    assert saved.key == f"models/movies/{saved.digest[7:23]}"


def test_the_card_is_no_part_of_the_digest(store):
    plain = artifact.save(store, "movies", FILES)
    carded = artifact.save(store, "movies", FILES, {"run": "movies-1"})
    assert plain == carded
    assert artifact.load_card(store, carded.key) == {"run": "movies-1"}
    assert artifact.load(store, carded.key, carded.digest) == FILES


def test_the_manifest_is_written_last(store):
    artifact.save(store, "movies", FILES, {})
    assert store.log[-1][1].endswith("/manifest.json")


def test_saving_again_changes_nothing(store):
    artifact.save(store, "movies", FILES)
    before = dict(store.blobs)
    artifact.save(store, "movies", dict(reversed(FILES.items())))
    assert store.blobs == before


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json"])
def test_F52_S11_a_changed_byte_is_a_digest_mismatch_that_names_the_blob(store, file):
    saved = artifact.save(store, "movies", FILES)
    store.put_blob(f"{saved.key}/{file}", io.BytesIO(b"other"))
    error = refused(store, saved)
    assert error.reason == "DigestMismatch"
    assert f"{saved.key}/{file}" in error.message


def test_a_lost_file_is_a_digest_mismatch(store):
    saved = artifact.save(store, "movies", FILES)
    del store.blobs[f"{saved.key}/model.onnx"]
    error = refused(store, saved)
    assert isinstance(error, DataError)
    assert error.reason == "DigestMismatch"


def test_another_whole_artefact_in_its_place_is_a_digest_mismatch(store):
    saved = artifact.save(store, "movies", FILES)
    other = artifact.save(store, "movies", {"model.onnx": b"better?"})
    assert refused(store, saved, key=other.key).reason == "DigestMismatch"


def test_an_artefact_that_is_not_there_is_a_missing_reference(store):
    saved = artifact.save(store, "movies", FILES)
    assert refused(store, saved, key="models/movies/none").reason == "ReferenceMissing"


@pytest.mark.parametrize("digest", ["", "sha256:8c1f", "md5:" + "0" * 64])
def test_a_digest_that_is_none_is_refused(store, digest):
    assert (
        refused(store, artifact.save(store, "m", FILES), digest=digest).reason == "DigestMismatch"
    )


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "manifest.json", "card.json"])
def test_F51_S14_a_file_cannot_have_a_name_that_leads_elsewhere(store, name):
    with pytest.raises(ValueError, match="cannot be a file"):
        artifact.save(store, "movies", {name: b""})
    assert not store.blobs


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.binary(), min_size=1))
def test_S11_any_files_come_back_and_any_other_content_has_another_digest(files):
    store = MemoryStore()
    saved = artifact.save(store, "m", files)
    assert artifact.load(store, saved.key, saved.digest) == files
    name = min(files)
    assert artifact.save(store, "m", {**files, name: files[name] + b"x"}).digest != saved.digest
