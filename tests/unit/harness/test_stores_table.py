"""The table of docs/stores.md says what the runs of the suites showed, and nothing else."""

import json

import pytest
from scripts import stores_table

from tests.contract.record import Record

STORE = {
    "store": "embedded",
    "server": "SQLite 3",
    "documents": True,
    "ttl": False,
    "snapshot": "Pinned",
    "suites": {"tables": [36, 36], "blobs": [20, 20], "streams": [15, 15], "connections": [3, 3]},
}
STREAM = {"store": "kafka", "server": "Apache Kafka 4", "suites": {"streams": [14, 15]}}


def test_each_adapter_has_a_line_that_leaves_open_what_was_not_tried():
    assert stores_table.table([STREAM, STORE]).splitlines()[2:] == [
        "| `embedded` | SQLite 3 | 36 of 36 | 20 of 20 | 15 of 15 | yes | no | Pinned |",
        "| `kafka` | Apache Kafka 4 |  |  | 14 of 15 |  |  |  |",
    ]


def test_the_rest_of_the_page_stays():
    text = f"before\n{stores_table.BEGIN}\nold\n{stores_table.END}\nafter"
    made = stores_table.page(text, "new")
    assert made == f"before\n{stores_table.BEGIN}\nnew\n{stores_table.END}\nafter"
    assert stores_table.page(made, "new") == made


class Recorded:
    """A result as pytest reports it."""

    def __init__(self, when, outcome):
        self.when, self.passed, self.failed = when, outcome == "passed", outcome == "failed"


class Item:
    """A collected test of a suite."""

    funcargs: dict = {}  # noqa: RUF012 - as pytest has it

    def __init__(self, suite):
        def function():
            """A sentence."""

        function.__qualname__ = f"{suite}.test_a_sentence"
        self.function = function


def seen(record, suite, *reports):
    """Lets the record see what became of a test."""
    for report in reports:
        steps = record.pytest_runtest_makereport(Item(suite))
        next(steps)
        with pytest.raises(StopIteration):
            steps.send(report)


def test_a_sentence_counts_once_whether_it_or_its_fixtures_failed(tmp_path):
    record = Record("kafka", "Apache Kafka 4", tmp_path / "results")
    fine, broken = Recorded("call", "passed"), Recorded("call", "failed")
    seen(
        record,
        "StreamConformance",
        Recorded("setup", "passed"),
        fine,
        Recorded("teardown", "passed"),
    )
    seen(record, "StreamConformance", broken)
    seen(record, "StreamConformance", Recorded("setup", "failed"))
    seen(record, "TestKafka", fine)  # not of the suite
    record.pytest_sessionfinish()
    written = json.loads((tmp_path / "results/kafka.json").read_text())
    assert written == {
        "store": "kafka", "server": "Apache Kafka 4", "suites": {"streams": [1, 3]}
    }  # fmt: skip


def test_a_run_that_tried_nothing_leaves_what_is_there(tmp_path):
    Record("kafka", "", tmp_path / "results").pytest_sessionfinish()
    assert not (tmp_path / "results").exists()
