"""Fails when a document names a file of this repository that is not there. Called by `make verify`."""

import re
import sys
from pathlib import Path

ROOTS = "gitops|harness|operator|workloads|crds|charts|tests|examples|benchmarks|docs|scripts|requirements"
PATH = re.compile(rf"`((?:{ROOTS})/[\w./*{{}},-]+)`")


def main() -> int:
    """Prints each dangling path; the exit code says whether there is one."""
    missing = []
    for doc in [*Path().glob("*.md"), *Path("docs").rglob("*.md"), *Path("examples").rglob("*.md")]:
        for number, line in enumerate(doc.read_text().splitlines(), 1):
            for name in PATH.findall(line):
                if "{" in name or "*" in name or name.startswith("examples/recommendation/data"):
                    continue
                if not Path(name).exists():
                    missing.append(f"{doc}:{number}: {name}")
    print("\n".join(missing))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
