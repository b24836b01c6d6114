"""What a write asks of the service, and what it makes of the answers. The service here is scripted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from forebay_workloads.errors import DataError, RetryableError
from forebay_workloads.stores.dynamodb_catalog import TableInfo
from forebay_workloads.stores.dynamodb_rows import key_types
from forebay_workloads.stores.dynamodb_write import PUTS, Writes

SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


class Service:
    """Holds items; `answer` may keep some back or refuse them."""

    where = "DynamoDB here"
    concurrency = 2

    def __init__(self, answer=lambda _: []):
        self.pool = ThreadPoolExecutor(2)
        self.items, self.sizes, self._answer = {}, [], answer

    def call(self, operation, request, *_):
        if operation == "PutItem":
            todo = [{"PutRequest": {"Item": request["Item"]}}]
        else:
            todo = request["RequestItems"]["t"]
            self.sizes.append(len(todo))
        left = self._answer(todo)
        for one in todo:
            if one not in left:
                item = one["PutRequest"]["Item"]
                self.items[item["id"]["N"]] = item
        return {"UnprocessedItems": {"t": left} if left else {}}


class Tables:
    def __init__(self):
        self.table = TableInfo("t", "t", SCHEMA, ["id"], key_types(SCHEMA, ["id"]), own=True)

    def remembered(self, _):
        return self.table

    info = remembered

    def forget(self, _):
        raise AssertionError("nothing says that the table has changed")


def rows(count):
    return pa.record_batch(
        {"id": pa.array(range(count), pa.int64()), "text": ["x"] * count}, schema=SCHEMA
    )


def write(service, batch):
    pauses = []
    report = Writes(service, Tables(), pauses.append).write("t", batch, ["id"], merge=False)
    return report, pauses


def test_a_request_has_at_most_so_many_items():
    service = Service()
    report, _ = write(service, rows(60))
    assert (report.written, sorted(service.sizes)) == (60, [10, PUTS, PUTS])


def test_what_was_left_over_is_sent_again_after_a_pause():
    service = Service(lambda todo: todo[10:])
    report, pauses = write(service, rows(25))
    assert (report.written, len(service.items)) == (25, 25)
    assert service.sizes == [25, 15, 5]
    assert len(pauses) == 2
    assert 0 < pauses[0] < 1


def test_a_service_that_takes_nothing_any_more_is_throttled():
    taken = []

    def answer(todo):
        taken.append(len(todo))
        return todo[5:] if len(taken) == 1 else todo

    with pytest.raises(RetryableError, match="20 items") as caught:
        write(Service(answer), rows(25))
    assert caught.value.reason == "StoreThrottled"
    assert 10 < len(taken) < 30


def test_items_that_are_refused_are_named_and_the_others_are_in():
    def answer(todo):
        if any(one["PutRequest"]["Item"]["id"] == {"N": "7"} for one in todo):
            raise DataError("SchemaMismatch", "too large")
        return []

    service = Service(answer)
    report, _ = write(service, rows(30))
    assert (report.written, len(service.items)) == (29, 29)
    ((error,),) = [report.errors]
    assert (error.index, error.key) == (7, {"id": 7})
