"""The batch execution of a feature block agrees with its meaning, and never looks ahead."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.errors import ConfigError
from forebay_workloads.features.declaration import KINDS, parse
from forebay_workloads.features.expression import Column, Star
from forebay_workloads.features.sql import select
from forebay_workloads.preprocess.engine import Engine

from .reference import compute

SCHEMA = pa.schema(
    [("card", pa.string()), ("ts", pa.timestamp("us")), ("amount", pa.float64()), ("shop", pa.string())]
)  # fmt: skip
BLOCK = {
    "entity": "card",
    "timestamp": "ts",
    "windows": ["3s", "1m", "1d"],
    "aggregates": [{"count": "*"}, {"count": "shop"}, {"distinct": "shop"}, {"last": "shop"}]
    + [{kind: "amount"} for kind in KINDS if kind != "count"],
}
AMOUNT = st.none() | st.sampled_from([float("nan"), float("inf"), 0.0]) | st.floats(-1e6, 1e6)
EVENT = st.fixed_dictionaries(
    {
        "card": st.sampled_from("ab"),
        # Few different times, so that many are equal; in no order, so that many come late.
        "ts": st.sampled_from([0, 1_000_000, 3_000_000, 3_000_001, 59_999_999, 60_000_000, 10**11]),
        "amount": AMOUNT,
        "shop": st.none() | st.sampled_from("xyz"),
    }
)
TABLES = itertools.count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine(tmp_path_factory.mktemp("engine"), threads=2) as engine:
        yield engine


def features(engine, rows, block, schema=SCHEMA):
    """The features of each row, as the engine computes them."""
    name = f"t{next(TABLES)}"
    engine.load(name, schema, [pa.RecordBatch.from_pylist(rows, schema)])
    types = engine.types(name)
    declared = parse(block, list(types))
    query = select(declared, types, name)
    engine.execute(f'CREATE TABLE "{name}f" AS {query.sql()}')
    columns = [Column(one) for one in declared.names]
    found = pa.Table.from_batches(engine.stream(columns, f"{name}f"))
    return [list(row.values()) for row in found.to_pylist()]


def approximately(value):
    return pytest.approx(value, rel=1e-9, abs=1e-4) if isinstance(value, float) else value


@pytest.mark.slow
@settings(max_examples=40)
@given(
    rows=st.lists(EVENT, min_size=1, max_size=12), delay=st.sampled_from(["0s", "1ms", "3s", "1h"])
)
def test_the_sql_agrees_with_the_meaning_on_random_events(engine, rows, delay):
    block = {**BLOCK, "delay": delay}
    expected = compute(rows, parse(block, SCHEMA.names))
    for got, wanted in zip(features(engine, rows, block), expected, strict=True):
        assert got == [approximately(value) for value in wanted]


@pytest.mark.slow
@settings(max_examples=20)
@given(rows=st.lists(EVENT, min_size=2, max_size=10), data=st.data())
def test_what_happens_later_or_at_the_same_moment_changes_no_feature(engine, rows, data):
    chosen = data.draw(st.integers(0, len(rows) - 1))
    now = rows[chosen]["ts"]
    before = [row for row in rows if row["ts"] < now]
    alone = features(engine, [*before, rows[chosen]], BLOCK)[-1]
    among = features(engine, rows, BLOCK)[chosen]
    assert among == [approximately(value) for value in alone]


def test_an_event_is_seen_for_exactly_its_window(engine):
    rows = [{"card": "a", "ts": ts, "amount": 1.0, "shop": "x"} for ts in (0, 10**6, 10**6 + 1)]
    block = {**BLOCK, "windows": ["1s"], "aggregates": [{"count": "*"}]}
    assert features(engine, rows, block) == [[0], [1], [1]]  # the event at 0 leaves after 1 s


@pytest.mark.parametrize(
    "times",
    [
        pa.array([0, 60, 120], pa.int64()),
        pa.array([0.0, 60.0, 120.0], pa.float64()),
        pa.array([0, 60, 120], pa.timestamp("s")),
        pa.array([0, 60_000, 120_000], pa.timestamp("ms", tz="Europe/Vienna")),
        pa.array(["1970-01-01 00:00:00", "1970-01-01T00:01:00", "1970-01-01 00:02:00"]),
    ],
    ids=["seconds", "fractions of seconds", "timestamp", "zoned", "text"],
)
def test_time_may_be_a_timestamp_a_text_or_seconds(engine, times):
    table = pa.table({"e": ["a"] * 3, "t": times, "v": [1, 2, 4]})
    block = {"entity": "e", "timestamp": "t", "windows": ["1m", "1h"], "aggregates": [{"sum": "v"}]}
    assert features(engine, table.to_pylist(), block, table.schema) == [[0, 0], [1, 1], [2, 3]]


def test_columns_that_are_no_numbers_cannot_be_added_up(engine):
    block = {**BLOCK, "aggregates": [{"mean": "shop"}]}
    with pytest.raises(ConfigError, match=r"mean needs a number.*'shop'.*VARCHAR"):
        features(engine, [], block)
    with pytest.raises(ConfigError, match="no time"):
        select(parse({**BLOCK, "timestamp": "amount"}, SCHEMA.names), {"amount": "BLOB"}, "t")


def test_F59_S17_names_from_a_spec_stay_names(engine):
    odd = 'x"), (SELECT 1); --'
    schema = pa.schema([(odd, pa.string()), ("t t", pa.int64()), ("v'v", pa.int64())])
    rows = [{odd: "a", "t t": 1, "v'v": 1}, {odd: "a", "t t": 2, "v'v": 1}]
    block = {"entity": odd, "timestamp": "t t", "windows": ["1m"], "aggregates": [{"sum": "v'v"}]}
    assert features(engine, rows, block, schema) == [[0], [1]]
    assert Star(exclude=(odd,)).sql() == '* EXCLUDE ("x""), (SELECT 1); --")'
