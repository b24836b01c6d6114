"""A data set larger than the memory given to the engine streams through and spills."""

import time

import pyarrow as pa

from forebay_workloads.features.expression import Column, Star
from forebay_workloads.preprocess.engine import MEMORY_FLOOR, Engine, memory_limit
from forebay_workloads.preprocess.split import cut, shares

ROWS = 24
BATCH = 20_000
SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


def batches():
    for start in range(0, ROWS * BATCH, BATCH):
        ids = list(range(start, start + BATCH))
        yield pa.record_batch([ids, [f"{i * 2654435761 % 2**40:060}" for i in ids]], SCHEMA)


def test_more_rows_than_memory_holds_are_sorted_and_streamed(tmp_path):
    with Engine(tmp_path, threads=1, memory=30 << 20) as engine:
        assert engine.load("t", SCHEMA, batches()) == ROWS * BATCH  # 38 MB of text
        engine.execute('CREATE TABLE s AS SELECT * FROM "t" ORDER BY text')
        rows, size, last = 0, 0, ""
        for batch in engine.stream([Column("text")], "s"):
            rows, size = rows + batch.num_rows, max(size, batch.num_rows)
            assert batch["text"][0].as_py() > last
            last = batch["text"][-1].as_py()
        assert rows == ROWS * BATCH
        assert size <= 65_536
        assert engine.types("s") == {"id": "BIGINT", "text": "VARCHAR"}


def test_rows_leave_in_the_order_they_came_with_any_number_of_threads(tmp_path):
    with Engine(tmp_path, threads=4) as engine:
        engine.load("t", SCHEMA, batches())
        ids = [b["id"].to_numpy() for b in engine.stream([Star()], "t")]
        assert all((part[1:] - part[:-1] == 1).all() for part in ids)
        assert [part[0] for part in ids] == sorted(part[0] for part in ids)


def test_the_memory_limit_leaves_room_for_the_rest_of_the_process():
    assert memory_limit() >= MEMORY_FLOOR


def test_a_random_split_of_many_rows_is_quick(tmp_path):
    schema = pa.schema([("id", pa.int64())])
    with Engine(tmp_path, threads=1) as engine:
        engine.load("t", schema, [pa.record_batch([range(200_000)], schema)])
        wanted = shares({"by": "random", "test": "0.2", "validation": "0.1"}, None)
        started = time.process_time()
        rule = cut(engine, "t", engine.types("t"), wanted)
        assert time.process_time() - started < 4  # one key as text for each row would take 16 s
        assert rule.counts == {"train": 140_000, "validation": 20_000, "test": 40_000}
