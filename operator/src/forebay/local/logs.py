"""Where the plane's own log lines go: a file in the state folder, never between what a command prints.

Called by plane.py. Tracebacks are plain: the values of local variables may be secrets.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import structlog

_LARGEST = 8 << 20  # bytes; a longer log is set aside once, so that it cannot fill the disk


def log_to(path: Path) -> IO[str]:
    """Sends the log lines of this process to the end of a file; returns it to be closed."""
    if path.exists() and path.stat().st_size > _LARGEST:
        path.replace(path.with_suffix(".old.log"))
    file = path.open("a", encoding="utf-8", buffering=1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=False,
    )
    return file
