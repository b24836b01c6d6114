"""Where the plane's own log lines go: a file in the state folder, never between what a command prints.

Called by plane.py. Tracebacks are plain: the values of local variables may be secrets.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog

_LARGEST = 8 << 20  # bytes; a longer log is set aside once, so that it cannot fill the disk


class LossyLog:
    """A file that loses lines rather than the program when the disk is full."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, text: str) -> int:
        """Appends the text, as far as there is room."""
        with suppress(OSError):
            os.write(self._fd, text.encode())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Ends the file."""
        os.close(self._fd)


def log_to(path: Path) -> LossyLog:
    """Sends the log lines of this process to the end of a file; returns it to be closed."""
    if path.exists() and path.stat().st_size > _LARGEST:
        path.replace(path.with_suffix(".old.log"))
    file = LossyLog(path)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,  # what a pass is about
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", file)),
        cache_logger_on_first_use=False,
    )
    return file
