"""Writes docs/cli.md from the commands themselves, or checks that it is up to date.

Called as `python -m forebay.cli.docs [--check] [FILE]` by the maintainers' gates and by a test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from forebay.cli.main import app

DEFAULT_FILE = Path("docs/cli.md")
_TYPE = re.compile(r" <(str|int range|dir)>")  # says nothing that the option's name does not say
HEAD = """# The command line

<!-- Written by `python -m forebay.cli.docs` from the commands' own help. Change the commands, not this page. -->

`forebay` runs pipelines on this machine and looks at what it ran (also as `kubectl forebay`).
What runs on a cluster is looked at with `kubectl`: [cluster.md](cluster.md).

| exit code | means |
|---|---|
| 0 | done; every run succeeded and what it deploys is ready |
| 1 | a run failed, or what was asked for is not there |
| 2 | the files or the command line are wrong; nothing was created |
| 130 | interrupted by Ctrl-C; the next `forebay run` goes on from there |

Errors are one line on stderr; `forebay --debug COMMAND` adds the traceback. Colours and bars appear on a
terminal only, and never with `NO_COLOR` set. `forebay --install-completion` sets up the shell's completion
of commands, kinds, and names of runs and stages.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(
        _command(path, command) for path, command in _commands(get_command(app), "forebay")
    )


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(path: str, command: Any) -> str:
    context = typer.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [row for row in (p.get_help_record(context) for p in command.params) if row]
    table = "".join(
        f"| `{_cell(_TYPE.sub('', names))}` | {_cell(text)} |\n"
        for names, text in rows
        if names != "--help"
    )
    examples = (command.epilog or "").replace("\b\n", "").split("\n", 1)[-1]
    lines = "\n".join(line.removeprefix("  ") for line in examples.splitlines())
    return (
        f"\n## {path}\n\n{command.help}\n\n```\n{path} {usage}\n```\n\n"
        f"| argument, option | |\n|---|---|\n{table}\n```sh\n{lines}\n```\n"
    )


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check compares it; 1 when it is out of date."""
    check = "--check" in arguments
    names = [argument for argument in arguments if argument != "--check"]
    file = Path(names[0]) if names else DEFAULT_FILE
    text = page()
    if not check:
        file.write_text(text, encoding="utf-8")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{file} is out of date: run `python -m forebay.cli.docs`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
