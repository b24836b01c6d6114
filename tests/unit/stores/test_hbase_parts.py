"""Regions, requests, settings and errors of the HBase adapter, without a server."""

from __future__ import annotations

import socket

import pyarrow as pa
import pytest
from thriftpy2.transport import TTransportException

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import hbase_write
from forebay_workloads.stores.hbase_catalog import TableInfo, kind_of
from forebay_workloads.stores.hbase_connection import Connection, addresses
from forebay_workloads.stores.hbase_errors import idl, translated
from forebay_workloads.stores.hbase_own import after
from forebay_workloads.stores.hbase_scan import fetched, ranges
from forebay_workloads.stores.secrets import encryption

SCHEMA = pa.schema([("id", pa.int64()), ("a", pa.string()), ("b", pa.string())])


def table(**changes):
    return TableInfo("t", b"t", SCHEMA, ["id"], **{"own": True, **changes})


@pytest.mark.parametrize("count", [1, 2, 3, 4, 100])
def test_ranges_cover_all_rows_once_along_regions(count):
    parts = ranges([b"m", b"", b"t", b"f"], count)
    assert len(parts) == min(count, 4)
    assert (parts[0][0], parts[-1][1]) == (b"", b"")
    assert [stop for _, stop in parts[:-1]] == [start for start, _ in parts[1:]]


def test_a_table_without_regions_is_one_range():
    assert ranges([], 4) == [(b"", b"")]


def test_a_prefix_ends_where_the_next_one_begins():
    assert (after(b"blob/"), after(b"a\xff"), after(b"\xff"), after(b"")) == (
        b"blob0",
        b"b",
        b"",
        b"",
    )


def test_of_ours_a_cell_that_each_row_has_is_always_fetched():
    assert fetched(table(), SCHEMA) is None
    some = pa.schema([SCHEMA.field("b")])
    assert fetched(table(), some) == [b"f:id", b"f:b"]
    assert fetched(table(own=False), some) is None


def test_a_request_has_a_limit_of_rows_and_of_bytes(monkeypatch):
    monkeypatch.setattr(hbase_write, "REQUEST_ROWS", 3)
    monkeypatch.setattr(hbase_write, "REQUEST_BYTES", 100)
    cells = {b"f:a": [b"x", b"x" * 90, b"x" * 200, *[b"x"] * 5, None]}
    names = [b"r"] * 9
    found = list(hbase_write.parted(names, cells, range(9)))
    assert found == [[0, 1], [2], [3, 4, 5], [6, 7, 8]]


def test_a_null_of_ours_is_an_empty_cell_and_of_others_a_delete():
    batch = pa.RecordBatch.from_pylist([{"id": 1, "a": None, "b": "x"}], SCHEMA)
    ours = hbase_write.mutations(hbase_write.cells_of(table(), batch), 0)
    assert [(one.column, one.value) for one in ours][1:] == [(b"f:a", b""), (b"f:b", b"x")]
    others = pa.RecordBatch.from_pylist(
        [{"row": "r", "cf:a": None}], pa.schema([("row", pa.string()), ("cf:a", pa.string())])
    )
    info = table(own=False, cells={"cf:a": b"cf:a"})
    (change,) = hbase_write.mutations(hbase_write.cells_of(info, others), 0)
    assert (change.column, change.isDelete) == (b"cf:a", True)


def test_bytes_are_texts_where_all_of_them_are():
    assert kind_of([b"a", "ö".encode()]) == pa.string()
    assert kind_of([b"a", b"\xff"]) == pa.binary()


# settings


def ref(*servers, **settings):
    return StoreRef("plant", "hbase", {"thriftServers": list(servers), **settings})


def test_gateways_are_hosts_and_ports():
    found = addresses(ref("a:9190", "b", "[::1]:9090"))
    assert found == [("a", 9190), ("b", 9090), ("::1", 9090)]
    with pytest.raises(ConfigError, match="thriftServers"):
        Connection(ref())


def test_tls_is_asked_for_and_names_are_compared():
    assert encryption(ref("a"), {}) is None
    context = encryption(ref("a", tls={}), {})
    assert context is not None
    assert context.check_hostname
    with pytest.raises(ConfigError, match=r"tls\.crt"):
        encryption(ref("a", tls={"clientSecretRef": {"name": "x"}}), {})


# errors


def io_error(text):
    return idl.IOError(message=f"org.apache.hadoop.hbase.{text}: t\n\tat Some.java".encode())


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (io_error("TableNotFoundException"), ConfigError, "ReferenceMissing"),
        (io_error("security.AccessDeniedException"), ConfigError, "StoreAuthFailed"),
        (io_error("RegionTooBusyException"), RetryableError, "StoreThrottled"),
        (io_error("quotas.RpcThrottlingException"), RetryableError, "StoreThrottled"),
        (io_error("regionserver.NoSuchColumnFamilyException"), DataError, "SchemaMismatch"),
        (io_error("NotServingRegionException"), RetryableError, "StoreUnreachable"),
        (idl.IllegalArgument(message=b"KeyValue size too large"), DataError, "SchemaMismatch"),
        (TTransportException(4, "read 0 bytes"), RetryableError, "StoreUnreachable"),
        (socket.gaierror(-2, "no such name"), RetryableError, "StoreUnreachable"),
        (TimeoutError("timed out"), RetryableError, "StoreUnreachable"),
    ],
)
def test_each_error_has_its_reason_and_no_stack(error, kind, reason):
    found = translated(error, "table 't'")
    assert (type(found), found.reason) == (kind, reason)
    assert "Some.java" not in found.message
