"""The table of docs/stores.md, from what `make conformance STORE=x` wrote into tests/contract/results.

`python scripts/stores_table.py` writes it, `--check` fails when it is not what the results say. Called by
scripts/conformance.sh and `make verify`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/stores.md"
RESULTS = ROOT / "tests/contract/results"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
_HEAD = (
    "| store | tried on | tables | blobs | streams | documents | TTL | snapshot |",
    "|---|---|---|---|---|---|---|---|",
)

_YES = {True: "yes", False: "no"}


def table(results: Iterable[Mapping[str, Any]]) -> str:
    """One line for each adapter that was tried."""
    lines = [_line(result) for result in sorted(results, key=lambda result: result["store"])]
    return "\n".join([*_HEAD, *lines])


def _line(result: Mapping[str, Any]) -> str:
    cells = [f"`{result['store']}`", result["server"]]
    for suite in ("tables", "blobs", "streams"):
        passed, tried = result["suites"].get(suite, (0, 0))
        cells.append(f"{passed} of {tried}" if tried else "")
    cells += [_YES.get(result.get(what), "") for what in ("documents", "ttl")]
    cells.append(result.get("snapshot", ""))
    return f"| {' | '.join(cells)} |"


def page(text: str, made: str) -> str:
    """The page with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> int:
    """Writes or checks; the exit code says whether the page is right."""
    results = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    text = PAGE.read_text()
    wanted = page(text, table(results))
    if "--check" in sys.argv[1:]:
        if wanted != text:
            print(
                "docs/stores.md is not what tests/contract/results say: python scripts/stores_table.py"
            )
        return int(wanted != text)
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
