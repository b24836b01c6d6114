"""The operator's log: one JSON object a line on stdout, ours and kopf's alike. Called by main.py, once.

A pass binds what it is about (kind, namespace, object, uid, generation), and every line of it says so.
Tracebacks are plain text: the values of local variables may be secrets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import click
import structlog

LEVEL = "FOREBAY_LOG_LEVEL"
_LEVELS = ("debug", "info", "warning", "error")
_CHATTY = ("kopf", "aiohttp", "kubernetes", "asyncio")  # below a warning only with debug
_OF_KOPF = ("k8s_ref", "k8s_skip", "settings")  # what kopf hangs on its records


def take_over(environ: Mapping[str, str]) -> None:
    """As `configure` where kopf's command runs us; who only imports us keeps the log that is there."""
    if click.get_current_context(silent=True) is not None:
        configure(environ)


def configure(environ: Mapping[str, str]) -> None:
    """Sends every line of this process through one formatter. Raises ValueError for an unknown level."""
    level = (environ.get(LEVEL) or "info").lower()
    if level not in _LEVELS:
        raise ValueError(f"{LEVEL} is {level!r}, not one of {', '.join(_LEVELS)}")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        quiet = logging.getLogger(name)
        quiet.handlers.clear()
        quiet.propagate = True
        quiet.setLevel(logging.WARNING if level == "info" else logging.NOTSET)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def formatter() -> logging.Formatter:
    """Makes a line of JSON of a record, whether structlog or the standard library made it."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(allow=_OF_KOPF)],
        processors=[
            _object_of_kopf,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _object_of_kopf(_logger: Any, _method: str, event: Any) -> Any:
    """Kopf's reference to an object in our words."""
    ref = event.pop("k8s_ref", None)
    for name in ("k8s_skip", "settings"):
        event.pop(name, None)
    if isinstance(ref, Mapping):
        known = {"kind": "kind", "namespace": "namespace", "name": "object", "uid": "uid"}
        for theirs, ours in known.items():
            if ref.get(theirs):
                event[ours] = ref[theirs]
    return event
