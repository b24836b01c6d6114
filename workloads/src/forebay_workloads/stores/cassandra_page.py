"""A page of a result as it came over the wire: cells are found all at once, and decoded later by column.

Used by the Cassandra adapter's connection and scan. The driver would make an object of each cell, on the
thread that also reads the network; here that thread keeps the bytes, and the reader of a scan decodes whole
columns while the next page is on its way. Pure, no I/O.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from cassandra.protocol import ProtocolHandler, ResultMessage

from forebay_workloads.codecs.unaligned import numbers_at
from forebay_workloads.errors import DataError

Numbers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]
Found = tuple[list[Numbers], list[Numbers]]
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True)
class Cells:
    """One column of a page: where each cell begins and how long it is; -1 is a null."""

    data: Octets
    start: Numbers
    length: Numbers
    type: Any  # the driver's class for the CQL type
    protocol: int

    def values(self) -> list[bytes | None]:
        """Each cell's bytes."""
        data = self.data.tobytes()
        spans = zip(self.start.tolist(), self.length.tolist(), strict=True)
        return [None if size < 0 else data[start : start + size] for start, size in spans]


@dataclass(frozen=True)
class Page:
    """Some rows of a result, not yet decoded."""

    body: bytes
    rows: int
    types: Sequence[Any]
    protocol: int

    def columns(self) -> list[Cells]:
        """The columns in the order of the statement."""
        data = np.frombuffer(self.body, np.uint8)
        widths = [width(kind) for kind in self.types]
        starts, lengths = located(data, self.body, self.rows, widths)
        each = zip(starts, lengths, self.types, strict=True)
        return [Cells(data, start, size, kind, self.protocol) for start, size, kind in each]

    def tuples(self) -> list[tuple[Any, ...]]:
        """Rows as the driver's own Python values, for small results."""
        decoded = [
            [cells.type.from_binary(value, self.protocol) for value in cells.values()]
            for cells in self.columns()
        ]
        return list(zip(*decoded, strict=True))


def width(kind: Any) -> int | None:
    """How many bytes each value of a type has, where that is known."""
    try:
        size = kind.serial_size()
    except (AttributeError, TypeError):
        return None
    return int(size) if size else None


def located(data: Octets, body: bytes, rows: int, widths: Sequence[int | None]) -> Found:
    """Start and length of each cell, by column. DataError when the page does not end where its last cell does."""
    if rows == 0 or not widths:
        empty = np.zeros(0, np.int64)
        return [empty] * len(widths), [empty] * len(widths)
    found = _regular(data, body, rows, len(widths))
    found = found or _leaping(data, body, rows, widths) or _walked(body, rows, len(widths))
    end = int(found[0][-1][-1]) + max(0, int(found[1][-1][-1]))
    if end != len(body):
        raise DataError("SchemaMismatch", f"a page of {len(body)} bytes ends at {end}")
    return found


def _regular(data: Octets, body: bytes, rows: int, columns: int) -> Found | None:
    """For pages in which every row has the lengths of the first one: numbers and no nulls, mostly."""
    stride, rest = divmod(len(body), rows)
    starts, sizes, at = [], [], 0
    for _ in range(columns):
        if at + 4 > stride:
            return None
        (size,) = _LENGTH.unpack_from(body, at)
        starts.append(at + 4)
        sizes.append(size)
        at += 4 + max(0, size)
    if rest or at != stride:
        return None
    table = data.reshape(rows, stride)
    for start in starts:
        if not (table[:, start - 4 : start] == table[0, start - 4 : start]).all():
            return None
    first = np.arange(rows, dtype=np.int64) * stride
    return [first + start for start in starts], [np.full(rows, size, np.int64) for size in sizes]


def _leaping(data: Octets, body: bytes, rows: int, widths: Sequence[int | None]) -> Found | None:
    """For pages of texts and numbers without a null among the numbers: only the texts' lengths are walked."""
    free = [index for index, size in enumerate(widths) if size is None]
    if not free or len(free) == len(widths):
        return None
    steps = [4 + (size or 0) for size in widths]
    before = [sum(steps[a:b]) for a, b in pairwise([0, *(index + 1 for index in free)])]
    after = sum(steps[free[-1] + 1 :])
    found = _leaps(body, rows, [gap - 4 for gap in before], after)
    if found is None:
        return None
    texts = np.ascontiguousarray(np.array(found, np.int64).reshape(rows, len(free)).T)
    whole = np.maximum(texts, 0).sum(axis=0) + sum(steps)
    place = np.cumsum(whole) - whole + 4  # of each row's next cell
    starts, lengths, text = [], [], iter(texts)
    for size in widths:
        if size is not None and (numbers_at(data, place - 4, ">i4") != size).any():
            return None
        starts.append(place)
        lengths.append(next(text) if size is None else np.full(rows, size, np.int64))
        place = place + (np.maximum(lengths[-1], 0) + 4 if size is None else size + 4)
    return starts, lengths


def _leaps(body: bytes, rows: int, gaps: Sequence[int], after: int) -> list[int] | None:
    """The lengths of the cells that follow each gap, row by row; None where they lead out of the page."""
    lengths: list[int] = []
    add, unpack, at = lengths.append, _LENGTH.unpack_from, 0
    try:
        for _ in range(rows):
            for gap in gaps:
                at += gap
                (size,) = unpack(body, at)
                add(size)
                at += 4 + size if size > 0 else 4
            at += after
    except struct.error:
        return None
    return lengths if at == len(body) else None


def _walked(body: bytes, rows: int, columns: int) -> Found:
    """For any page: cell after cell, as each one's length says where the next one is."""
    lengths: list[int] = []
    add, unpack, at = lengths.append, _LENGTH.unpack_from, 0
    try:
        for _ in range(rows * columns):
            (size,) = unpack(body, at)
            add(size)
            at += 4 + size if size > 0 else 4
    except struct.error as error:
        raise DataError("SchemaMismatch", "a page ends within a cell") from error
    size = np.array(lengths, np.int64)
    step = np.maximum(size, 0) + 4
    start = np.cumsum(step) - step + 4
    by_row = (rows, columns)
    return list(start.reshape(by_row).T), list(size.reshape(by_row).T)


class _RawResult(ResultMessage):  # type: ignore[misc]
    """Keeps a page's bytes. Its name begins with _ or the driver would use it for every connection."""

    def recv_results_rows(
        self, f: Any, protocol_version: int, user_type_map: Any, result_metadata: Any, policy: Any
    ) -> None:
        """The driver's hook; `policy` is for columns that the client encrypts, which we have none of."""
        del policy
        self.recv_results_metadata(f, user_type_map)
        described = self.column_metadata or result_metadata
        rows = int.from_bytes(f.read(4), "big", signed=True)
        self.column_names = [one[2] for one in described]
        self.column_types = [one[3] for one in described]
        self.parsed_rows = [Page(f.read(), rows, self.column_types, protocol_version)]


class RawPages(ProtocolHandler):  # type: ignore[misc]
    """The driver's protocol with undecoded results: a result's rows are a list of one `Page`."""

    message_types_by_opcode = {  # noqa: RUF012 - the driver's attribute
        **ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _RawResult,
    }


def as_pages(_: Sequence[str], pages: list[Page]) -> list[Page]:
    """The driver's row factory that leaves them as they are."""
    return pages
