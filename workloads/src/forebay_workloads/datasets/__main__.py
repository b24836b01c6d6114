"""`python -m forebay_workloads.datasets list | fetch NAME --to DIR`: JSON lines on stdout, errors on stderr.

Started by `forebay datasets`; usable by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from forebay_workloads.datasets.catalog import ENTRIES
from forebay_workloads.datasets.fetch import FetchError, fetch


def _listed() -> Iterator[dict[str, Any]]:
    for entry in ENTRIES.values():
        yield {
            "name": entry.name,
            "rows": entry.rows,
            "licence": entry.licence,
            "description": entry.description,
            "files": sorted(entry.files),
        }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m forebay_workloads.datasets")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="lists the data sets")
    one = commands.add_parser("fetch", help="fetches a data set")
    one.add_argument("name", help=", ".join(ENTRIES))
    one.add_argument(
        "--to", type=Path, default=Path("data"), metavar="DIR", help="folder for its files"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 when a data set cannot be had, 2 for one that is not known."""
    asked = _parser().parse_args(arguments)
    if asked.command == "fetch" and asked.name not in ENTRIES:
        sys.stderr.write(f"no data set {asked.name!r}; there are: {', '.join(ENTRIES)}\n")
        return 2
    lines = _listed() if asked.command == "list" else fetch(ENTRIES[asked.name], asked.to)
    try:
        for line in lines:
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    except FetchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
