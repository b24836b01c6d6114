"""Texts are cut at line ends only, and lose nothing."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.codecs import blocks as module
from forebay_workloads.codecs.blocks import blocks
from forebay_workloads.errors import DataError

VALUES = st.text(st.sampled_from('a,"\n é;'), max_size=6)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 16)


def cut(data, **options):
    return list(blocks(io.BytesIO(data), "a.csv", 0, **options))


@given(rows=st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=20))
def test_blocks_of_csv_hold_whole_records(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    found = cut(data, delimiter=b",")
    assert b"".join(block.data for block in found) == data
    assert [block.offset for block in found] == [data.index(b.data, b.offset) for b in found]
    read = [
        record
        for block in found
        for record in csv.reader(io.StringIO(block.data.decode(), newline=""))
    ]
    assert read == rows


@given(lines=st.lists(st.text(st.sampled_from('ab"'), max_size=30)))
def test_blocks_of_lines_are_cut_at_any_line_end(lines):
    data = "".join(line + "\n" for line in lines).encode()
    found = cut(data)
    assert b"".join(block.data for block in found) == data
    assert all(block.data.endswith(b"\n") for block in found)


def test_a_part_of_a_text_ends_where_it_is_asked_to():
    data = b"one\ntwo\nthree\n"
    stream = io.BytesIO(data)
    stream.seek(4)
    assert b"".join(block.data for block in blocks(stream, "a", 4, 8)) == b"two\n"


def test_a_quote_that_never_closes_is_reported_before_memory_is_full(monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT", 100)
    with pytest.raises(DataError, match=r"a\.csv: a line at byte 4 is longer"):
        cut(b'a,b\n1,"' + b"x\n" * 1000, delimiter=b",")
