"""Where objects come from: files, folders and standard input. Called by `loader.py`.

Finds and reads the files of `-f`, splits them into documents and unrolls `List` objects. Knows nothing of
what a valid object is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.cli.yamltext import Parsed, TextError, child, parse_json, parse_yaml

MAX_BYTES = 1 << 20  # per file: what an API server takes in one object
SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


@dataclass(frozen=True)
class Document:
    """One value of one file: where it stands, and the folder that relative paths in it start from."""

    file: str
    base: Path
    parsed: Parsed
    value: Any
    prefix: str = ""  # `items[2]` inside a List

    @property
    def place(self) -> str:
        """`file.yaml:12`."""
        return self.place_of("")

    def place_of(self, path: str) -> str:
        """The file and line of a field of this object, or of its nearest parent."""
        full = f"{self.prefix}.{path}".strip(".") if self.prefix else path
        return f"{self.file}:{self.parsed.line_of(full)}"


def read(paths: Sequence[str], skip: Path | None = None) -> tuple[list[Document], list[str]]:
    """Every document of the paths, in order, and one line per problem (`file:line message`).

    `skip` is a folder that a recursive search leaves out (the state folder), as it does hidden ones.
    """
    documents: list[Document] = []
    problems: list[str] = []
    for path in paths:
        try:
            files = list(_files(path, skip))
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
            continue
        if not files:
            problems.append(
                f"{path}: no {', '.join('*' + s for s in SUFFIXES)} file in this folder"
            )
        for file in files:
            _read_file(file, documents, problems)
    return documents, problems


def _files(path: str, skip: Path | None) -> Iterator[str]:
    """The files that one -f names; a folder gives all below it, sorted. Raises OSError."""
    if path == STDIN:
        yield path
        return
    root = Path(path)
    if not root.is_dir():
        root.stat()
        yield path
        return
    left_out = skip.resolve() if skip else None
    for file in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        ours = left_out is not None and left_out in file.resolve().parents
        if file.suffix.lower() in SUFFIXES and file.is_file() and not hidden and not ours:
            yield str(file)


def _read_file(file: str, documents: list[Document], problems: list[str]) -> None:
    name = "stdin" if file == STDIN else file
    base = Path.cwd() if file == STDIN else Path(file).resolve().parent
    try:
        text = _text(file)
        parse = parse_json if file.lower().endswith(".json") else parse_yaml
        for parsed in parse(text):
            documents.extend(_unroll(name, base, parsed))
    except TextError as error:
        problems.append(f"{name}:{error.line} {error.message}")
    except UnicodeDecodeError as error:
        problems.append(f"{name}: not UTF-8 text: {error.reason} at byte {error.start}")
    except OSError as error:
        problems.append(f"{name}: {error.strerror or error}")


def _text(file: str) -> str:
    """The text of a file, at most MAX_BYTES of it."""
    if file == STDIN:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(file).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise TextError(1, f"larger than {MAX_BYTES:,} bytes")
    return raw.decode("utf-8-sig")


def _unroll(file: str, base: Path, parsed: Parsed) -> Iterable[Document]:
    """The document itself, or the items of a `List`."""
    value = parsed.value
    if (
        isinstance(value, dict)
        and value.get("kind") == "List"
        and isinstance(value.get("items"), list)
    ):
        return [
            Document(file, base, parsed, item, child("items", i))
            for i, item in enumerate(value["items"])
        ]
    return [Document(file, base, parsed, value)]
