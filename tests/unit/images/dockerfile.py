"""A Dockerfile as a list of instructions, for tests of its rules."""

import re
from pathlib import Path

from harness.folders import ROOT


def instructions(path: str) -> list[tuple[str, str]]:
    """(NAME, rest) of each, in order; comments and continuations gone."""
    text = (ROOT / path).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, rest) for name, rest in found]


def values(path: str, name: str) -> list[str]:
    """What follows each instruction of that name."""
    return [rest for found, rest in instructions(path) if found == name]


def stage(path: str, name: str) -> list[tuple[str, str]]:
    """The instructions of the stage `name`."""
    inside, found = False, []
    for instruction in instructions(path):
        if instruction[0] == "FROM":
            inside = instruction[1].endswith(f" AS {name}")
        elif inside:
            found.append(instruction)
    return found


def copied(path: str) -> set[str]:
    """What it copies out of the build's context."""
    sources = [rest.split()[:-1] for rest in values(path, "COPY") if "--from=" not in rest]
    return {source.rstrip("/") for found in sources for source in found}


def context_rules() -> list[str]:
    """The lines of .dockerignore."""
    return Path(ROOT, ".dockerignore").read_text().splitlines()
