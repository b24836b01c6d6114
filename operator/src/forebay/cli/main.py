"""The `forebay` command (also `kubectl forebay`): one typer app, one file per command.

Called by the console scripts. Holds no logic: it registers commands and their examples, in the order in
which `--help` lists them.
"""

from typing import Annotated

import typer

from forebay.cli import (
    datasets,
    delete,
    describe,
    dev,
    dlq,
    down,
    events,
    get,
    logs,
    report,
    run,
    validate,
    version,
)
from forebay.cli.group import ForebayGroup

app = typer.Typer(
    name="forebay",
    cls=ForebayGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Models on data that lives in NoSQL stores: from store to store, with or without a cluster.",
)

Debug = Annotated[
    bool, typer.Option("--debug", envvar="FOREBAY_DEBUG", help="Show tracebacks of errors.")
]

for _module, _command in (
    (run, run.run),
    (validate, validate.validate),
    (get, get.get),
    (describe, describe.describe),
    (logs, logs.logs),
    (events, events.events),
    (delete, delete.delete),
    (down, down.down),
    (report, report.report),
    (version, version.version),
):
    app.command(epilog=_module.EXAMPLES)(_command)
app.add_typer(dlq.app)
app.add_typer(dev.app)
app.add_typer(datasets.app)


@app.callback()
def options(debug: Debug = False) -> None:
    """Options of every command; `group.py` reads them."""


def main() -> None:
    """Runs the command line; exits with 0, 1 (failed), 2 (invalid) or 130 (interrupted)."""
    app()


if __name__ == "__main__":
    main()
