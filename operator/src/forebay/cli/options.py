"""Options and arguments that several commands share, so that they read and complete alike everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forebay.cli import complete

DEFAULT_STATE = Path(".forebay")


class TableFormat(StrEnum):
    """-o of commands that print objects."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


class TextFormat(StrEnum):
    """-o of commands that print a text or one JSON document."""

    TEXT = "text"
    JSON = "json"


State = Annotated[
    Path,
    typer.Option(
        "--state",
        envvar="FOREBAY_STATE",
        file_okay=False,
        help="Folder of the embedded plane's state.",
    ),
]
Files = Annotated[
    list[str],
    typer.Option(
        "--filename", "-f", metavar="FILE|DIR|-", help="YAML or JSON file, folder, or - for stdin."
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Only objects of this namespace; all by default."),
]
KindWord = Annotated[
    str,
    typer.Argument(
        help="Kind: plural, singular, short name, or forebay for all.",
        autocompletion=complete.kinds,
    ),
]
Output = Annotated[TextFormat, typer.Option("--output", "-o", help="Output format.")]
TableOutput = Annotated[TableFormat, typer.Option("--output", "-o", help="Output format.")]
RunName = Annotated[
    str,
    typer.Argument(
        help="A run, or a pipeline: then its newest run.",
        autocompletion=complete.runs,
    ),
]
