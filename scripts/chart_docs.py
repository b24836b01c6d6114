"""Writes what charts/forebay/values.yaml explains into README.md and values.schema.json: `[--check]`.

The comment above a value is its only explanation. Run by `make generate`, with `--check` by `make verify`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts" / "forebay"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


@dataclass(frozen=True)
class Value:
    """One key of values.yaml."""

    path: tuple[str, ...]
    default: Any
    text: str
    is_block: bool  # its keys are values of their own


def read(text: str) -> list[Value]:
    """All values in their order. Raises ValueError for one that no comment explains."""
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is not a mapping")
    return list(_walk(root, (), text.splitlines()))


def _walk(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        here = (*path, key.value)
        text = _above(lines, key.start_mark.line)
        default = _plain(value)
        is_block = isinstance(value, yaml.MappingNode) and _has_comments(value, lines)
        if not text:
            raise ValueError(f"{'.'.join(here)} has no comment above it")
        yield Value(here, default, text, is_block)
        if is_block:
            yield from _walk(value, here, lines)


def _has_comments(node: yaml.MappingNode, lines: list[str]) -> bool:
    """Whether a mapping is a block of values; one that is a value itself has no comments inside."""
    return any(_above(lines, key.start_mark.line) for key, _ in node.value)


def _above(lines: list[str], number: int) -> str:
    """The comment that ends right above line `number`, as one line."""
    found: list[str] = []
    while number and lines[number - 1].strip().startswith("#"):
        number -= 1
        found.insert(0, lines[number].strip().lstrip("#").strip())
    return " ".join(found)


def _plain(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def table(values: list[Value]) -> str:
    """The README's table: one section for each block of the first level, then the rest."""
    rows = ["| Value | Default | What it is |", "|---|---|---|"]
    for value in values:
        name = ".".join(value.path)
        if value.is_block:
            rows.append(f"| **`{name}`** | | **{_cell(value.text)}** |")
        else:
            default = json.dumps(value.default, ensure_ascii=False)
            rows.append(f"| `{name}` | `{_cell(default)}` | {_cell(value.text)} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def readme(old: str, values: list[Value]) -> str:
    """The README with the part between its two marks written anew."""
    head, found, rest = old.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"README.md lacks {BEGIN} or {END}")
    return f"{head}{BEGIN}\n{table(values)}\n{END}{tail}"


def schema(old: str, values: list[Value]) -> str:
    """The schema with descriptions and defaults of values.yaml. Raises KeyError for a value it lacks."""
    document = json.loads(old)
    for value in values:
        node = document
        for key in value.path:
            node = node["properties"][key]
        node["description"] = value.text
        if not value.is_block:
            node["default"] = value.default
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def wished(chart: Path) -> dict[Path, str]:
    """Each file that is written, with its text."""
    values = read((chart / "values.yaml").read_text(encoding="utf-8"))
    make = {"README.md": readme, "values.schema.json": schema}
    return {
        chart / name: function((chart / name).read_text(encoding="utf-8"), values)
        for name, function in make.items()
    }


def main() -> int:
    """The command: 0, or 1 with `--check` when a file differs from values.yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 on a difference")
    check = parser.parse_args().check
    stale = {p: t for p, t in wished(CHART).items() if p.read_text(encoding="utf-8") != t}
    for path, text in stale.items():
        if check:
            print(f"{path} differs from values.yaml: run python scripts/chart_docs.py")
        else:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
