"""What the command line says when it cannot go on, and with which exit code.

Raised by every command, turned into one line on stderr and an exit code by `group.py`. Errors of other
layers (`ForebayError`) pass through the same place; nothing here prints or exits by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from forebay.errors import ForebayError

EXIT_OK = 0
EXIT_FAILED = 1  # a run failed, or what was asked for is not there
EXIT_INVALID = 2  # the spec or the command line is wrong; nothing was created
EXIT_INTERRUPTED = 130  # Ctrl-C
EXIT_TERMINATED = 143  # SIGTERM


class UserError(ForebayError):
    """Something the user can put right; `str()` of it is the whole message, `hint` the next step."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class UsageError(UserError):
    """An argument or option has a value that no command understands."""

    exit_code = EXIT_INVALID


class InvalidFiles(UserError):  # noqa: N818 - reads as what happened
    """The files given by -f are wrong; `problems` holds one line per error, all of them."""

    exit_code = EXIT_INVALID

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
