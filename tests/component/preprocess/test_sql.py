"""SQL of a spec may read the data and nothing else; what it gives is the same each time."""

import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError, DataError

DATA = pa.table({"g": ["a", "b", "a", "c", "b", "a"], "x": [1.5, 2.0, 3.0, None, 5.0, 6.0]})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM input; DROP TABLE input",
        "DROP TABLE input",
        "CREATE TABLE t AS SELECT 1",
        "COPY input TO 'out.csv'",
        "ATTACH 'x.db'",
        "SET threads = 4",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "PIVOT input ON g USING sum(x)",
        "-- nothing",
        "SELEC 1",
        "SELECT * FROM (PIVOT input ON g USING sum(x))",
        "WITH gone AS (DELETE FROM input RETURNING *) SELECT * FROM gone",
        "WITH more AS (INSERT INTO input VALUES ('z', 1, 9) RETURNING *) SELECT * FROM more",
        "SELECT * FROM (WITH n AS (UPDATE input SET x = 0 RETURNING *) SELECT * FROM n)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM query('DROP TABLE input')",
        "SELECT (SELECT max(size) FROM read_blob('/etc/passwd')) FROM input",
    ],
)
def test_a_statement_that_does_more_than_read_the_data_is_refused(kit, sql):
    with pytest.raises(ConfigError) as caught:
        kit.fill(DATA).run({"sql": sql})
    assert caught.value.reason in ("FieldNotSupportedInMode", "SchemaMismatch")
    assert "preprocess.sql" in caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'https://example.com/x.parquet'",
        "SELECT * FROM __forebay_input",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM input WHERE g IN (SELECT g FROM hidden)",
        "SELECT * FROM scratch.main.input",
    ],
)
def test_another_table_is_named_and_refused(kit, sql):
    with pytest.raises(ConfigError) as caught:
        kit.fill(DATA).run({"sql": sql})
    assert caught.value.reason == "ReferenceMissing"
    assert "'input', 'ratings'" in caught.value.message


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT x FROM input WHERE g = 'a'", [1.5, 3.0, 6.0]),
        ("SELECT x FROM ratings WHERE g = 'a' -- a comment", [1.5, 3.0, 6.0]),
        ("FROM input SELECT x ORDER BY x DESC NULLS LAST LIMIT 2;", [6.0, 5.0]),
        ("SELECT sum(x) AS x FROM input GROUP BY g", [7.0, 10.5, None]),
        ("WITH t AS (SELECT g, max(x) AS x FROM input GROUP BY g) SELECT x FROM t", [5.0, 6.0, None]),
        ("SELECT a.x FROM input a JOIN input b USING (id) WHERE b.g = 'b'", [2.0, 5.0]),
        ("SELECT x FROM input UNION SELECT 9.0 FROM range(3)", [1.5, 2.0, 3.0, 5.0, 6.0, 9.0, None]),
        ("VALUES (1.0), (2.0)", [1.0, 2.0]),
    ],
)  # fmt: skip
def test_a_query_gives_its_rows_in_a_fixed_order(kit, sql, expected):
    done = kit.fill(DATA).run({"sql": sql})
    table = done.tables["train"]
    values = [
        None if v is None else float(v) for v in table.column(table.num_columns - 1).to_pylist()
    ]
    assert values == expected


def test_types_that_only_the_engine_has_leave_as_plain_ones(kit):
    sql = (
        "SELECT count(*) AS n, sum(id) AS total, 'a'::ENUM('a', 'b') AS e, "
        "uuid '00000000-0000-0000-0000-000000000001' AS u, [g] AS l FROM input GROUP BY g"
    )
    schema = kit.fill(DATA).run({"sql": sql}).tables["train"].schema
    assert [str(field.type) for field in schema][:4] == ["int64", "int64", "string", "string"]
    assert pa.types.is_list(schema.field("l").type)


def test_a_value_that_does_not_fit_is_bad_data_and_is_shown(kit):
    with pytest.raises(DataError, match=r"preprocess\.sql: .*'[abc]'") as caught:
        kit.fill(DATA).run({"sql": "SELECT CAST(g AS INTEGER) AS n FROM input"})
    assert caught.value.reason == "SchemaMismatch"


def test_random_numbers_in_a_query_are_the_same_each_time(kit):
    kit.fill(DATA)
    sql = "SELECT *, random() AS r FROM input"
    assert kit.run({"sql": sql}).digests == kit.run({"sql": sql}).digests


def test_sums_of_many_floats_have_one_digest(kit):
    values = [0.1 * i + 1e9 * (i % 3) for i in range(20_000)]
    kit.fill(pa.table({"x": values, "g": [i % 5 for i in range(20_000)]}))
    sql = "SELECT g, sum(x) AS s, stddev(x) AS d FROM input GROUP BY g"
    assert kit.run({"sql": sql}).digests == kit.run({"sql": sql}).digests
