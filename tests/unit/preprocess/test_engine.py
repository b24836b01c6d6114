"""DuckDB's errors as ours, and a statement that is stopped."""

import threading
import time

import duckdb
import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError
from forebay_workloads.preprocess import watch
from forebay_workloads.preprocess.engine import Engine, translated
from forebay_workloads.recipes.base import Preempted


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (duckdb.IOException("Could not write file: No space left on device"), RetryableError, "DiskFull"),
        (duckdb.OutOfMemoryException("failed to allocate"), DataError, "OOMKilled"),
        (duckdb.BinderException("no column x"), ConfigError, "SchemaMismatch"),
        (duckdb.PermissionException("file system operations are disabled"), ConfigError, "Forbidden"),
        (duckdb.ConversionException("Could not convert"), DataError, "SchemaMismatch"),
        (duckdb.InternalException("assertion"), StageError, "ExitCode"),
    ],
)  # fmt: skip
def test_an_error_of_the_engine_has_a_reason_of_ours(error, kind, reason):
    with pytest.raises(kind) as caught, translated():
        raise error
    assert caught.value.reason == reason
    assert str(error)[:10] in caught.value.message


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path, threads=1) as engine:
        yield engine


class Stopping:
    """As much of a stage as the watcher needs."""

    def __init__(self):
        self.stopping = threading.Event()
        self.seen = []

    def progress(self, progress):
        self.seen.append(progress.percent)


def test_a_long_statement_is_stopped_when_the_stage_must_stop(engine):
    stage = Stopping()
    threading.Timer(0.3, stage.stopping.set).start()
    started = time.monotonic()
    with pytest.raises(Preempted), watch.watched(stage, engine, 40, 60):
        engine.execute(
            "CREATE TABLE t AS SELECT sum(a.range) FROM range(100000) a, range(1000000) b"
        )
    assert time.monotonic() - started < 60  # it would take an hour


def test_progress_moves_between_its_bounds(engine, monkeypatch):
    stage = Stopping()
    monkeypatch.setattr(watch, "INTERVAL", 0.02)
    with watch.watched(stage, engine, 40, 60):
        engine.execute("CREATE TABLE t AS SELECT range AS i, hash(range) AS h FROM range(2000000)")
        engine.execute("CREATE TABLE s AS SELECT * FROM t ORDER BY h")
    assert stage.seen
    assert all(40 <= percent <= 60 for percent in stage.seen)


def test_S17_the_engine_reaches_no_file_and_no_setting_after_the_lock(engine):
    engine.lock()
    for statement in ("SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/out.csv'"):
        with pytest.raises(ConfigError) as caught:
            engine.execute(statement)
        assert caught.value.reason == "Forbidden"
    with pytest.raises(StageError, match="locked"):
        engine.execute("SET enable_external_access = true")


@pytest.mark.parametrize("names", [["Id", "id"], ["a", "a"], ["__forebay_row"]])
def test_columns_that_sql_cannot_tell_apart_are_refused(engine, names):
    schema = pa.schema([(name, pa.int8()) for name in names])
    with pytest.raises(DataError) as caught:
        engine.load("t", schema, [])
    assert caught.value.reason == "SchemaMismatch"
    assert names[-1] in caught.value.message


def test_batches_of_another_shape_are_bad_data(engine):
    schema = pa.schema([("a", pa.int8())])
    with pytest.raises(DataError) as caught:
        engine.load("t", schema, [pa.record_batch({"b": ["x"]})])
    assert caught.value.reason == "SchemaMismatch"
