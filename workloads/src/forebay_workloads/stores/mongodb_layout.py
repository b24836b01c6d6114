"""Finds the values of a page of BSON documents without making a Python object of each. Pure, no I/O.

Used by `mongodb_columns.py`. Documents that one program wrote repeat the same names in the same order; so one
document is the template, and for each of its elements all documents are compared with it at once. Those that
differ are left over: another template is tried on them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bson.errors import InvalidBSON

from forebay_workloads.codecs.unaligned import numbers_at

Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

DOUBLE, TEXT, DOCUMENT, ARRAY, BINARY, OBJECT_ID, BOOL, DATE, NULL = 1, 2, 3, 4, 5, 7, 8, 9, 10
INT32, INT64, DECIMAL = 0x10, 0x12, 0x13
HEADER = 4  # bytes of a document's length

_FIXED = {
    DOUBLE: 8, 6: 0, OBJECT_ID: 12, BOOL: 1, DATE: 8, NULL: 0, INT32: 4, 0x11: 8, INT64: 8,
    DECIMAL: 16, 0x7F: 0, 0xFF: 0,
}  # fmt: skip
_COUNTED = {TEXT: 4, DOCUMENT: 0, ARRAY: 0, BINARY: 5, 0x0D: 4, 0x0E: 4}  # bytes beside the count
_SHORTEST = 5  # bytes of an empty document


def _table(sizes: dict[int, int]) -> npt.NDArray[np.int64]:
    found = np.full(256, -1, np.int64)
    found[list(sizes)] = list(sizes.values())
    return found


FIXED, COUNTED = _table(_FIXED), _table(_COUNTED)


@dataclass(frozen=True)
class Values:
    """One field of all documents of a layout: where its values lie, and of which type each is."""

    types: Bytes
    begins: Places  # of the element: its type byte
    values: Places
    sizes: Places

    def only(self, fits: Mask) -> Values:
        """Those of some documents."""
        return Values(self.types[fits], self.begins[fits], self.values[fits], self.sizes[fits])


@dataclass(frozen=True)
class Layout:
    """Documents of one template: their numbers in the page, and their fields."""

    rows: Places
    fields: dict[bytes, Values]


def starts_of(raw: bytes) -> Places:
    """Where each document begins, and where the last one ends. InvalidBSON when they do not fill the bytes."""
    first = struct.unpack_from("<i", raw)[0] if len(raw) >= HEADER else 0
    if first >= _SHORTEST and len(raw) % first == 0:
        sizes = np.ndarray((len(raw) // first,), "<i4", raw, 0, (first,))
        if (sizes == first).all():  # each begins where the one before it ends
            return np.arange(0, len(raw) + 1, first, dtype=np.int64)
    unpack, found, place = struct.Struct("<i").unpack_from, [0], 0
    while place < len(raw):
        size = unpack(raw, place)[0] if place + HEADER <= len(raw) else 0
        place += size
        if size < _SHORTEST or place > len(raw):
            raise InvalidBSON("a page ends inside a document")
        found.append(place)
    return np.array(found, np.int64)


def padded(raw: bytes) -> Bytes:
    """The bytes with room behind, so that a look at any place of them stays inside."""
    return np.frombuffer(raw + bytes(512), np.uint8)


def windows(data: Bytes, places: Places, size: int) -> Bytes:
    """`size` bytes from each place, a row for each."""
    view = np.lib.stride_tricks.as_strided(data, (len(data) - size + 1, size), (1, 1))
    found: Bytes = view[places]
    return found


def named(data: Bytes, places: Places, name: bytes) -> Mask:
    """Where that name stands; eight bytes at a time, as a row of single ones costs much more to compare."""
    fits = np.ones(len(places), np.bool_)
    for start in range(0, len(name), 8):
        part = name[start : start + 8]
        words = numbers_at(data, places + start, "<u8")
        rest = np.uint64(2 ** (8 * len(part)) - 1)
        fits &= (words & rest) == np.uint64(int.from_bytes(part, "little"))
    return fits


def template_of(raw: bytes, begin: int, end: int) -> list[tuple[int, bytes]] | None:
    """Types and names of a document's elements; None when it has a type that has no size, or a very long name."""
    found, place = [], begin + HEADER
    while place < end - 1:
        kind, stop = raw[place], raw.find(b"\0", place + 1, end)
        name = raw[place + 1 : stop + 1]
        size = int(FIXED[kind])
        if size < 0:
            if COUNTED[kind] < 0 or stop < 0 or stop + 1 + HEADER > end:
                return None
            (count,) = struct.unpack_from("<i", raw, stop + 1)
            size = int(COUNTED[kind]) + count
        if stop < 0 or size < 0 or len(name) > 256:  # noqa: PLR2004 - bytes; within the padding
            return None
        found.append((kind, name))
        place = stop + 1 + size
    return found if place == end - 1 else None


def _like(types: Bytes, kind: int) -> Mask:
    """Whole numbers of both sizes stand for each other, a null for anything."""
    same: Mask = types == kind
    if same.all():
        return same
    if kind in (INT32, INT64):
        same = (types == INT32) | (types == INT64)
    same |= types == NULL
    return same


def _sizes(data: Bytes, types: Bytes, values: Places) -> Places:
    sizes: Places = FIXED[types]
    if sizes.min() < 0:
        counted = COUNTED[types]
        sizes = np.where(counted >= 0, counted + numbers_at(data, values, "<i4"), sizes)
    return sizes


def matched(
    data: Bytes, begins: Places, ends: Places, template: list[tuple[int, bytes]]
) -> tuple[Mask, dict[bytes, Values]]:
    """Which documents follow the template, and the places of all values in those that do."""
    places, last = begins + HEADER, ends - 1
    fits = np.ones(len(begins), np.bool_)
    fields = {}
    for kind, name in template:
        types = data[places]
        fits &= _like(types, kind)
        fits &= named(data, places + 1, name)
        values = places + 1 + len(name)
        sizes = _sizes(data, types, np.minimum(values, last))
        fits &= (sizes >= 0) & (values + sizes <= last)
        fields[name[:-1]] = Values(types, places, values, sizes)
        places = np.where(fits, values + sizes, begins)
    fits &= (places == last) & (data[last] == 0)
    return fits, fields


def layouts(raw: bytes, data: Bytes, starts: Places, most: int) -> Iterator[Layout | Places]:
    """The documents by layout, at most `most` of them; then the numbers of those that are left, if any."""
    rows = np.arange(len(starts) - 1)
    for _ in range(most):
        if not len(rows):
            return
        first = int(rows[0])
        template = template_of(raw, int(starts[first]), int(starts[first + 1]))
        if template is None:
            break
        fits, fields = matched(data, starts[rows], starts[rows + 1], template)
        if len({name for _, name in template}) != len(template) or not fits[0]:
            break
        if fits.all():
            yield Layout(rows, fields)
            return
        yield Layout(rows[fits], {name: values.only(fits) for name, values in fields.items()})
        rows = rows[~fits]
    if len(rows):
        yield rows
