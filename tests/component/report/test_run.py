from pathlib import Path

import pytest

from forebay_workloads import report
from forebay_workloads.contract import StoreRef
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
