"""Fails when a Python file has more than 400 lines or a function more than 60. Called by `make verify`."""

import ast
import sys
from pathlib import Path

FILE_LIMIT = 400
FUNCTION_LIMIT = 60
ROOTS = ("operator/src", "workloads/src", "harness", "tests", "benchmarks", "scripts", "examples")


def too_long(path: Path) -> list[str]:
    """One line per file or function over its limit."""
    text = path.read_text()
    found = []
    lines = text.count("\n")
    if lines > FILE_LIMIT:
        found.append(f"{path}: {lines} lines, at most {FILE_LIMIT}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LIMIT:
                found.append(
                    f"{path}:{node.lineno} {node.name}: {size} lines, at most {FUNCTION_LIMIT}"
                )
    return found


def main() -> int:
    """Prints what is too long; the exit code says whether anything is."""
    found = [
        line
        for root in ROOTS
        for path in sorted(Path(root).rglob("*.py"))
        for line in too_long(path)
    ]
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
