"""Working files go with their run, and no other run's with them."""

import io

import pytest

from forebay_workloads.contract import RunRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.runfiles import RunFiles
from tests.unit.workspace.memory_store import MemoryStore


@pytest.fixture
def store():
    return MemoryStore()


def run(uid, day, owner="pipeline-1"):
    return RunRef(uid, uid, "shop", "movies", owner=owner, created=f"2026-01-{day:02}T00:00:00Z")


def works(store, ref):
    RunFiles(store, ref).enter()
    for name in ("data/rows/manifest.json", "report/report.html"):
        store.put_blob(f"runs/{ref.uid}/{name}", io.BytesIO(b"bytes"))


def runs(store):
    return sorted({blob.key.split("/")[1] for blob in store.list_blobs("runs/")})


def test_of_a_run_that_is_gone_nothing_stays(store):
    works(store, run("old", 1))
    works(store, run("new", 2))
    assert RunFiles(store, run("new", 2)).sweep(["new"]) == 1
    assert runs(store) == ["new"]
    assert [blob.key for blob in store.list_blobs("pipelines/")] == ["pipelines/pipeline-1/new"]


def test_a_run_that_is_there_keeps_its_files(store):
    works(store, run("old", 1))
    works(store, run("new", 2))
    assert RunFiles(store, run("new", 2)).sweep(["new", "old"]) == 0
    assert runs(store) == ["new", "old"]


@pytest.mark.parametrize("day", [2, 3])
def test_a_run_that_may_have_come_after_the_operator_looked_is_left_alone(store, day):
    works(store, run("mine", 2))
    works(store, run("other", day))
    assert RunFiles(store, run("mine", 2)).sweep(["mine"]) == 0
    assert runs(store) == ["mine", "other"]


def test_runs_of_other_pipelines_are_on_other_lists(store):
    works(store, run("theirs", 1, owner="pipeline-2"))
    works(store, run("begins-alike", 1, owner="pipeline-11"))
    works(store, run("mine", 2))
    assert RunFiles(store, run("mine", 2)).sweep(["mine"]) == 0
    assert runs(store) == ["begins-alike", "mine", "theirs"]


def test_a_uid_that_begins_alike_is_another_run(store):
    works(store, run("a", 1))
    works(store, run("ab", 2))
    RunFiles(store, run("ab", 2)).sweep(["ab"])
    assert runs(store) == ["ab"]


def test_a_run_without_a_pipeline_is_on_no_list(store):
    works(store, run("alone", 1, owner=""))
    assert RunFiles(store, run("later", 2, owner="")).sweep([]) == 0
    assert [blob.key for blob in store.list_blobs("pipelines/")] == []


def test_a_sweep_that_was_interrupted_is_done_by_the_next_run(store, monkeypatch):
    works(store, run("old", 1))
    works(store, run("new", 2))
    whole, left = store.delete_blob, [1]

    def once(key):
        if not left:
            raise RetryableError("StoreUnreachable", "gone")
        left.pop()
        whole(key)

    monkeypatch.setattr(store, "delete_blob", once)
    with pytest.raises(RetryableError):
        RunFiles(store, run("new", 2)).sweep(["new"])
    monkeypatch.setattr(store, "delete_blob", whole)
    assert RunFiles(store, run("new", 2)).sweep(["new"]) == 1
    assert runs(store) == ["new"]
