"""Which reader a file of a files store needs: by suffix, or as `files.options` says.

Used by `files.py` only. Decompression is chosen here too: .gz, .bz2 and .zst behind any text suffix.
"""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO, cast

import pyarrow as pa

from forebay_workloads.codecs.columnar import ArrowIpc, Parquet
from forebay_workloads.codecs.delimited import Delimited
from forebay_workloads.codecs.jsonlines import JsonLines
from forebay_workloads.codecs.layout import Reader, Source
from forebay_workloads.codecs.types import declared
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores.file_tree import Tree

FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
    "arrow": "arrow",
    "feather": "arrow",
    "ipc": "arrow",
    "arrows": "arrow",
}
"""Suffix → format."""

READ_BYTES = 1 << 20


def _zstd(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))


def _gzip(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


def _bz2(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", bz2.BZ2File(file))


COMPRESSIONS: dict[str, Callable[[BinaryIO], BinaryIO]] = {"gz": _gzip, "bz2": _bz2, "zst": _zstd}


class _Decompressed(io.RawIOBase):
    """Reads through a decompressor; closes the file behind it too; names the file that is damaged."""

    def __init__(self, file: BinaryIO, name: str, opened: Callable[[BinaryIO], BinaryIO]) -> None:
        self._file = file
        self._name = name
        self._inner = opened(file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read(len(buffer))
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            message = (
                f"{self._name} cannot be decompressed, it is damaged or cut short: {cut(error)}"
            )
            raise DataError("SchemaMismatch", message) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._file.close()
        super().close()


def _open(tree: Tree, path: str, opened: Callable[[BinaryIO], BinaryIO]) -> BinaryIO:
    return io.BufferedReader(_Decompressed(tree.open(path), path, opened), READ_BYTES)


def source(tree: Tree, path: str) -> Source:
    """The file as a reader opens it: decompressed."""
    suffix = path.rsplit(".", 1)[-1].lower()
    if suffix in COMPRESSIONS:
        return Source(path, partial(_open, tree, path, COMPRESSIONS[suffix]), seekable=False)
    return Source(path, partial(tree.open, path), seekable=True)


def suffix_of(path: str) -> str:
    """The suffix that says the format, behind which a compression's may stand."""
    words = path.rsplit("/", 1)[-1].lower().split(".")
    if len(words) > 1 and words[-1] in COMPRESSIONS:
        words.pop()
    return words[-1] if len(words) > 1 else ""


def reader(paths: Sequence[str], options: Mapping[str, Any], table: str) -> Reader:
    """The one reader for all files of a table.

    Raises:
        ConfigError: FieldNotSupportedInMode when a suffix says nothing and no format is declared.
        DataError: SchemaMismatch when the files are of several formats.
    """
    suffixes = {suffix_of(path): path for path in paths}
    formats = {_format(suffix, path, options): path for suffix, path in suffixes.items()}
    if len(formats) > 1:
        names = " and ".join(sorted(formats.values()))
        message = (
            f"{table!r} names files of several formats ({names}); use a pattern for one of them"
        )
        raise DataError("SchemaMismatch", message)
    chosen = next(iter(formats), options.get("format", "parquet"))
    if chosen == "parquet":
        return Parquet()
    if chosen == "arrow":
        return ArrowIpc()
    columns, types = _columns(options)
    if chosen == "jsonl":
        return JsonLines(types)
    nulls = options.get("nullValues")
    return Delimited(
        delimiter=options.get("delimiter") or ("\t" if "tsv" in suffixes else None),
        header=options.get("header", True),
        columns=columns,
        types=types,
        null_values=None if nulls is None else tuple(nulls),
        encoding=options.get("encoding", "utf-8"),
    )


def _format(suffix: str, path: str, options: Mapping[str, Any]) -> str:
    named = options.get("format") or FORMATS.get(suffix)
    if named not in FORMATS.values():
        known = ", ".join(f".{word}" for word in FORMATS)
        message = (
            f"{path}: its name does not say its format (known: {known}, "
            f"and .gz, .bz2, .zst behind texts); set files.options.format to csv, jsonl, parquet or arrow"
        )
        raise ConfigError("FieldNotSupportedInMode", message)
    return str(named)


def _columns(options: Mapping[str, Any]) -> tuple[list[str], dict[str, pa.DataType]]:
    """Declared columns: names, or {name, type}."""
    names: list[str] = []
    types: dict[str, pa.DataType] = {}
    for one in options.get("columns") or ():
        name, kind = (one, None) if isinstance(one, str) else (one["name"], one.get("type"))
        names.append(name)
        if kind:
            types[name] = declared(kind, f"files.options.columns, {name!r}")
    return names, types
