"""Source files of every format, shape and defect, as the files store reads them."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, ipc

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import open_store


class Folder:
    """A folder and the store on it."""

    def __init__(self, path):
        self.path = path

    def put(self, name, content):
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def store(self, **options):
        return open_store(StoreRef("data", "files", {"url": str(self.path), "options": options}))

    def read(self, table, splits=1, columns=None, **options):
        with self.store(**options) as store:
            parts = store.splits(store.snapshot(table), splits)
            batches = [batch for part in parts for batch in store.scan(part, columns)]
            schema = batches[0].schema if columns else store.schema(table)
            return pa.Table.from_batches(batches, schema)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def ratings(count, **wrong):
    """`count` rows of CSV; `r999="abc"` puts abc in the rating of row 999."""
    lines = [f"u{i},{i},{wrong.get(f'r{i}', i / 2)}" for i in range(1, count + 1)]
    return "user,item,rating\n" + "\n".join(lines) + "\n"


def types(table):
    return {field.name: str(field.type) for field in table.schema}


def test_types_are_those_of_the_whole_file(folder):
    """A fraction in the last row makes all rows fractions, a word in the last row makes all words."""
    many = 200_000
    lines = [f"{i},{i},{i}" for i in range(many)]
    folder.put("a.csv", "whole,fraction,word\n" + "\n".join(lines) + f"\n{many},0.5,{'9' * 30}\n")
    table = folder.read("a.csv")
    assert types(table) == {"whole": "int64", "fraction": "double", "word": "string"}
    assert table.num_rows == many + 1
    assert table.slice(many).to_pylist() == [{"whole": many, "fraction": 0.5, "word": "9" * 30}]


def test_each_kind_of_text_gets_its_type(folder):
    folder.put(
        "a.csv",
        "i,f,b,d,t,z,s,n,zip\n"
        "1,1,true,2024-02-29,2024-02-29 10:00:00,2024-02-29T10:00:00Z,a,,02134\n"
        " 2 ,NaN,False,NA,2024-02-29T10:00:00.5,2024-02-29T10:00:00+02:00,NA,,90210\n",
    )
    table = folder.read("a.csv")
    assert types(table) == {
        "i": "int64",
        "f": "double",
        "b": "bool",
        "d": "date32[day]",
        "t": "timestamp[us]",
        "z": "timestamp[us, tz=UTC]",
        "s": "string",
        "n": "string",
        "zip": "string",
    }
    first, second = table.to_pylist()
    assert first["zip"] == "02134"
    assert (second["d"], second["s"], second["n"]) == (None, "NA", None)
    assert second["f"] != second["f"]
    assert second["z"] == dt.datetime(2024, 2, 29, 8, tzinfo=dt.UTC)


def test_a_wrong_value_is_named_with_file_row_column_and_value_cut_short(folder):
    folder.put("ratings.csv", ratings(2000, r1000="abc" * 100))
    with pytest.raises(DataError) as caught:
        folder.read("ratings.csv")
    assert caught.value.reason == "SchemaMismatch"
    assert "ratings.csv, row 1000, column 'rating': 'abcabc" in caught.value.message
    assert len(caught.value.message) < 250


def test_a_wrong_value_is_found_before_any_row_is_given_out(folder):
    folder.put("ratings.csv", ratings(2000, r2000="abc"))
    with folder.store() as store, pytest.raises(DataError, match="row 2000"):
        store.snapshot("ratings.csv")


def test_a_declared_type_is_checked_in_every_row(folder):
    folder.put("a.csv", "n\n1\n2\nx\n")
    assert types(folder.read("a.csv")) == {"n": "string"}
    with pytest.raises(DataError, match=r"row 3, column 'n': 'x' is not a whole number"):
        folder.store(columns=[{"name": "n", "type": "int64"}]).schema("a.csv")


def test_declaring_text_is_the_cure_for_ids_that_look_like_numbers(folder):
    folder.put("ratings.csv", ratings(2000, r7="n/k"))
    table = folder.store(columns=[{"name": "rating", "type": "string"}])
    assert str(table.schema("ratings.csv").field("rating").type) == "string"


def test_a_column_with_many_words_among_numbers_is_text(folder):
    wrong = {f"r{i}": f"x{i}" for i in range(1, 2000, 50)}
    folder.put("ratings.csv", ratings(2000, **wrong))
    assert types(folder.read("ratings.csv"))["rating"] == "string"


def test_an_unknown_declared_type_or_column_is_named(folder):
    folder.put("a.csv", "n\n1\n")
    with pytest.raises(ConfigError, match="no type 'text'; there are string"):
        folder.store(columns=[{"name": "n", "type": "text"}]).schema("a.csv")
    with pytest.raises(ConfigError, match="no column 'm'; its columns are n"):
        folder.store(columns=["m"]).schema("a.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n1,2,3\n", "row 2: 3 values where 2 columns are: '1,2,3'"),
        ("a,b\n1,2\n\n3\n", "row 2: 1 values where 2 columns are: '3'"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("a,,b\n1,2,3\n", "a column has no name"),
        (b"a,b\n1,2\ncaf\xe9,2\n", "row 2: not utf-8"),
    ],
)
def test_a_malformed_file_is_named_with_its_row(folder, text, says):
    folder.put("bad.csv", text)
    with pytest.raises(DataError, match=says) as caught:
        folder.read("bad.csv")
    assert caught.value.reason == "SchemaMismatch"
    assert caught.value.message.startswith("bad.csv")


def test_encodings_and_byte_order_marks_are_read(folder):
    folder.put("latin.csv", "name,n\ncafé,1\n".encode("latin-1"))
    assert folder.read("latin.csv", encoding="latin-1").to_pylist() == [{"name": "café", "n": 1}]
    folder.put("bom.csv", b"\xef\xbb\xbfname,n\ncaf\xc3\xa9,1\n")
    assert folder.read("bom.csv").to_pylist() == [{"name": "café", "n": 1}]
    with pytest.raises(ConfigError, match="utf-16"):
        folder.read("bom.csv", encoding="utf-16")


def test_quoted_values_hold_delimiters_quotes_and_line_breaks(folder):
    folder.put("a.csv", 'a,b\r\n"x\ny, ""z""",1\r\n5" pipe,2\r\n"",3\r\n,4\r\n')
    assert folder.read("a.csv").to_pylist() == [
        {"a": 'x\ny, "z"', "b": 1},
        {"a": '5" pipe', "b": 2},
        {"a": "", "b": 3},
        {"a": None, "b": 4},
    ]


def test_a_file_without_header_and_with_tabs_is_read_as_declared(folder):
    folder.put("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    names = ["user", "item", "rating", "at"]
    with folder.store(format="csv", header=False, delimiter="\t", columns=names) as store:
        (row, _) = store.get("u.data", [{"user": 186}, {"user": 1}])
    assert row == {"user": 186, "item": 302, "rating": 3, "at": 891717742}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_usual_delimiters_need_no_declaration(folder, mark):
    folder.put("a.csv", f"a{mark}b\n1{mark}x\n")
    assert folder.read("a.csv").to_pylist() == [{"a": 1, "b": "x"}]


def test_null_spellings_can_be_declared(folder):
    folder.put("a.csv", "a,b\n-,-\n1,x\n")
    assert folder.read("a.csv", nullValues=["-"]).to_pylist() == [
        {"a": None, "b": None},
        {"a": 1, "b": "x"},
    ]


def test_an_empty_file_has_no_columns_and_a_header_alone_has_no_rows(folder):
    folder.put("empty.csv", "")
    folder.put("header.csv", "a,b\n")
    assert folder.read("empty.csv").num_columns == 0
    assert folder.read("header.csv").num_rows == 0
    assert folder.read("header.csv").schema.names == ["a", "b"]


def test_json_lines_are_read_with_nested_values_and_missing_fields(folder):
    folder.put("a.jsonl", '{"a":1,"b":{"c":[1,2.5]}}\n\n{"b":null,"d":"x"}\r\n{"a":2.5}')
    assert folder.read("a.jsonl").to_pylist() == [
        {"a": 1.0, "b": {"c": [1.0, 2.5]}, "d": None},
        {"a": None, "b": None, "d": "x"},
        {"a": 2.5, "b": None, "d": None},
    ]


def test_mixed_json_values_become_text(folder):
    folder.put("a.jsonl", '{"a":1}\n{"a":"x"}\n{"a":[1]}\n')
    assert [row["a"] for row in folder.read("a.jsonl").to_pylist()] == ["1", "x", "[1]"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("oops", "no JSON"),
        ("[1]", "a JSON object is needed"),
        ('{"a":"x"}', "'x' is not a whole number"),
    ],
)
def test_a_wrong_json_line_is_named_with_its_row(folder, line, says):
    lines = [json.dumps({"a": i}) for i in range(1000)]
    lines[499] = line
    folder.put("a.jsonl", "\n".join(lines))
    with pytest.raises(DataError, match=says) as caught:
        folder.read("a.jsonl")
    assert "a.jsonl, row 500" in caught.value.message


@pytest.mark.parametrize("suffix", ["gz", "bz2", "zst"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_compressed_texts_are_read(folder, name, suffix):
    text = (
        ratings(500) if name == "a.csv" else '{"user":"u1","item":1,"rating":0.5}\n' * 500
    ).encode()
    pack = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    }
    folder.put(f"{name}.{suffix}", pack[suffix](text))
    table = folder.read(f"{name}.{suffix}", splits=4)
    assert table.num_rows == 500
    assert types(table) == {"user": "string", "item": "int64", "rating": "double"}
    folder.put(f"{name}.{suffix}", pack[suffix](text)[:-20])
    with pytest.raises(DataError, match=f"{name}.{suffix}"):
        folder.read(f"{name}.{suffix}")


def test_parquet_and_arrow_files_keep_their_types(folder):
    table = pa.table({"a": pa.array([1, None, 3], pa.int16()), "b": [["x"], [], None]})
    pq.write_table(table, folder.path / "a.parquet", row_group_size=1)
    feather.write_feather(table, folder.path / "a.feather", compression="lz4")
    with ipc.new_stream(folder.path / "a.arrows", table.schema) as writer:
        writer.write_table(table)
    for name in ("a.parquet", "a.feather", "a.arrows"):
        assert folder.read(name, splits=2).equals(table), name
    assert folder.read("a.parquet", columns=["b"]).column_names == ["b"]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_binary_file_is_named(folder, name):
    folder.put(name, b"PAR1 not really")
    with pytest.raises(DataError, match=name) as caught:
        folder.read(name)
    assert caught.value.reason == "SchemaMismatch"


def test_a_pattern_or_folder_of_files_is_one_table(folder):
    folder.put("in/1.csv", "a,b\n1,x\n")
    folder.put("in/2.csv", "b,a\ny,2.5\n")
    folder.put("in/.hidden.csv", "nothing of this\n")
    expected = [{"a": 1.0, "b": "x"}, {"a": 2.5, "b": "y"}]
    assert folder.read("in/*.csv", splits=2).to_pylist() == expected
    assert folder.read("in").to_pylist() == expected


def test_files_that_do_not_fit_each_other_are_named(folder):
    folder.put("in/1.csv", "a,b\n1,x\n")
    folder.put("in/2.csv", "a,c\n1,x\n")
    with pytest.raises(
        DataError, match=r"in/2.csv has columns \['a', 'c'\], in/1.csv has \['a', 'b'\]"
    ):
        folder.read("in/*.csv")
    folder.put("in/3.jsonl", "{}\n")
    with pytest.raises(DataError, match="several formats"):
        folder.read("in")
    pq.write_table(pa.table({"a": [1]}), folder.path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), folder.path / "2.parquet")
    with pytest.raises(DataError, match=r"2\.parquet does not fit"):
        folder.read("*.parquet")


def test_a_missing_file_is_named_with_its_place_and_what_is_there(folder):
    folder.put("ratings.csv", "a\n1\n")
    folder.put("users.csv", "a\n1\n")
    with pytest.raises(ConfigError) as caught:
        folder.read("rating.csv")
    assert caught.value.reason == "ReferenceMissing"
    assert f"{folder.path}/rating.csv does not exist" in caught.value.message
    assert "there is: ratings.csv, users.csv; did you mean 'ratings.csv'?" in caught.value.message
    with pytest.raises(ConfigError, match="nothing is there"):
        folder.read("none/*.csv")


def test_a_name_that_does_not_say_its_format_is_refused_with_the_cure(folder):
    folder.put("u.data", "1\n")
    with pytest.raises(ConfigError, match=r"files\.options\.format") as caught:
        folder.read("u.data")
    assert caught.value.reason == "FieldNotSupportedInMode"


@pytest.mark.parametrize(
    "name", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "file:///etc/passwd"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(folder, name):
    with pytest.raises(ConfigError) as caught:
        folder.read(name)
    assert caught.value.reason == "ReferenceMissing"


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    folder = Folder(tmp_path / "data")
    folder.put("ok.csv", "a\n1\n")
    (folder.path / "link.csv").symlink_to(tmp_path / "secret.csv")
    for table in ("link.csv", "*.csv"):
        with pytest.raises(ConfigError, match="leads out"):
            folder.read(table)


def test_a_file_that_changed_after_it_was_pinned_is_not_read(folder):
    folder.put("a.csv", "a\n1\n2\n")
    with folder.store() as store:
        (part,) = store.splits(store.snapshot("a.csv"), 1)
        folder.put("a.csv", "a\n3\n2\n")
        with pytest.raises(DataError) as caught:
            list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


def test_a_large_text_is_read_in_parts_that_know_their_rows(folder):
    count = 400_000
    folder.put("a.csv", ratings(count))
    with folder.store() as store:
        snapshot = store.snapshot("a.csv")
        parts = store.splits(snapshot, 8)
        found = [
            batch.column("item") for part in parts for batch in store.scan(part, ["item"], 10_000)
        ]
    assert snapshot.rows == count
    assert len(parts) > 1
    assert max(map(len, found)) <= 10_000
    assert pa.chunked_array(found).to_pylist() == list(range(1, count + 1))


def test_row_numbers_in_messages_are_those_of_the_file_in_every_part(folder):
    folder.put("a.csv", ratings(400_000, r390000="oops"))
    with (
        folder.store() as store,
        pytest.raises(DataError, match="row 390000, column 'rating': 'oops'"),
    ):
        store.schema("a.csv")
