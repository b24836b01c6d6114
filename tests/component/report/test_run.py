from dataclasses import replace
from pathlib import Path

import pytest

from forebay_workloads import report
from forebay_workloads.contract import RunRef, StoreRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.runfiles import RunFiles
from forebay_workloads.stage import Stage
from tests.unit.report.runs import FAILED, RESULTS, STATUS, document


def made(refs, results, status=STATUS):
    with Stage(document(status, refs=refs)) as stage:
        for name, result in results.items():
            stage.workspace.write_json(f"results/{name}", result)
        done = report.run(stage)
        work = stage.workspace
        return done, work.get("report/report.html"), work.get("report/model-card.md"), work


@pytest.fixture
def embedded(tmp_path):
    return {"work": StoreRef("work", "embedded", {"path": str(tmp_path / "work.db")})}


def test_page_and_card_are_written_and_their_keys_returned(embedded):
    done, page, card, work = made(embedded, RESULTS)
    assert b"movies-v3" in page
    assert b"# Model card: movies-v3" in card
    assert done.detail == {
        "html": work.key("report/report.html"),
        "card": work.key("report/model-card.md"),
        "report": work.key("report/report.html"),
    }
    assert done.reason is None


def test_a_workspace_in_a_folder_gives_the_file_to_open(tmp_path):
    refs = {"work": StoreRef("work", "files", {"url": str(tmp_path)})}
    done, page, _, _ = made(refs, RESULTS)
    assert Path(done.detail["report"]).read_bytes() == page


def test_a_failed_run_without_any_result_has_a_report(embedded):
    _, page, card, _ = made(embedded, {}, FAILED)
    assert b"NonFiniteLoss" in page
    assert b"make no claim" in card


def test_a_damaged_result_is_a_note_and_not_the_end(embedded):
    with Stage(document(refs=embedded)) as stage:
        stage.workspace.put("results/train.json", b"{")
        report.run(stage)
        page = stage.workspace.get("report/report.html")
    assert b"The results of train cannot be read" in page


def test_two_attempts_write_the_same_bytes(embedded):
    first = made(embedded, RESULTS)[1:3]
    assert made(embedded, RESULTS)[1:3] == first


def of_run(uid, day, embedded, living=None):
    run = RunRef(uid, uid, "shop", "movies", owner="p", created=f"2026-01-0{day}T00:00:00Z")
    return replace(document(STATUS, refs=embedded), run=run, living=living)


def files_of(uid, embedded):
    with Stage(of_run(uid, 1, embedded)) as stage:
        return [blob.key for blob in stage.store("work").list_blobs(f"runs/{uid}/")]


def test_the_working_files_of_runs_that_are_gone_go_with_the_next_report(embedded, capsys):
    for uid, day, living in (
        ("old", 1, ["old"]),
        ("kept", 2, ["kept"]),
        ("new", 3, ["kept", "new"]),
    ):
        with Stage(of_run(uid, day, embedded, living)) as stage:
            stage.workspace.write_json("results/train", {})
            if uid != "kept":
                report.run(stage)
    assert "removed the working files of runs that are gone: 1" in capsys.readouterr().out
    assert not files_of("old", embedded)
    assert files_of("kept", embedded)
    assert files_of("new", embedded)


def test_files_that_cannot_be_removed_spoil_no_report(embedded, capsys, monkeypatch):
    def refused(*_):
        raise RetryableError("StoreUnreachable", "the store does not answer")

    monkeypatch.setattr(RunFiles, "sweep", refused)
    with Stage(of_run("new", 2, embedded, ["new"])) as stage:
        assert report.run(stage).reason is None
    assert "stay for now: the store does not answer" in capsys.readouterr().out
