"""Fails when RELIABILITY.md and the tests do not say the same. Called by `make verify`.

A row whose last cell begins with «not yet» has no test of its name, every other row has one, each test file
that a row names has one of the row, and each name of a row in a test is a row of the page.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
IDS = [f"F{n:02d}" for n in range(1, 73)] + [f"S{n:02d}" for n in range(1, 28)]
OPEN = "not yet: "
_ROW = re.compile(r"^\| ([A-Z]\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)
_TEST = re.compile(r"^ *(?:async )?def test_((?:[FS]\d+_)+)", re.MULTILINE)
_FILE = re.compile(r"`(tests/[\w/]+\.py)`")


def rows(text: str) -> list[tuple[str, str]]:
    """Each row's name and its last cell, in the order of the page."""
    return _ROW.findall(text)


def tested(root: Path) -> dict[str, set[str]]:
    """The files with a test of a row, by the row's name."""
    found = defaultdict(set)
    for file in root.glob("tests/**/*.py"):
        for names in _TEST.findall(file.read_text()):
            for name in names.rstrip("_").split("_"):
                found[name].add(str(file.relative_to(root)))
    return dict(found)


def faults(page: list[tuple[str, str]], tests: Mapping[str, set[str]]) -> list[str]:
    """One sentence for each thing that does not fit."""
    said = dict(page)
    told = []
    if [name for name, _ in page] != IDS:
        told.append("the rows are not F01 to F72 and S01 to S27, each once and in order")
    told += [f"{name} is no row, but {files(tests[name])}" for name in sorted({*tests} - {*said})]
    for name, proof in page:
        has = tests.get(name, set())
        if proof.startswith(OPEN) and has:
            told.append(f"{name} is «not yet», but {files(has)}")
        if not proof.startswith(OPEN) and not has:
            told.append(f"{name} has no test_{name}_… and is not «not yet»")
        told += [
            f"{name} names {one}, which has none" for one in sorted({*_FILE.findall(proof)} - has)
        ]
    return told


def files(names: set[str]) -> str:
    """Where the tests are, as the end of a sentence."""
    return f"has tests in {', '.join(sorted(names))}"


def main() -> int:
    """Prints what does not fit; the exit code says whether something does not."""
    told = faults(rows((ROOT / "RELIABILITY.md").read_text()), tested(ROOT))
    print("\n".join(told))
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
