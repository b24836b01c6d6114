"""`forebay-stage`: what a stage's pod runs. Reads the stage document, runs the stage, leaves a result.

The exit code says whether trying again makes sense (contract.py); the result, the pod's termination
message, says what was done or what is wrong. Nothing is decided here about a stage's work.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from forebay_workloads import contract
from forebay_workloads.contract import Result, StageDocument
from forebay_workloads.errors import (
    NO_SPACE,
    ConfigError,
    DataError,
    RetryableError,
    StageError,
    cut,
)
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stage import Stage
from forebay_workloads.termination import leave

EXIT_UNKNOWN = 1  # a mistake in our code: counted against the back-off limit like any exit code

STAGES: dict[contract.Stage, str] = {
    "probe": "forebay_workloads.probe",
    "ingest": "forebay_workloads.ingest",
    "preprocess": "forebay_workloads.preprocess",
    "train": "forebay_workloads.train",
    "evaluate": "forebay_workloads.evaluate",
    "publish": "forebay_workloads.publish",
    "predict": "forebay_workloads.predict",
    "report": "forebay_workloads.report",
    "stream": "forebay_workloads.ingest.stream",
}
"""Stage → the module whose `run(stage) -> Result` does it."""


def document() -> StageDocument:
    """The mounted stage document; raises ConfigError when it is missing or of another version."""
    path = contract.mounted(contract.STAGE_FILE)
    try:
        doc = StageDocument.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            "ReferenceMissing", f"no stage document at {path}: {cut(error)}"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            "ReferenceMissing", f"{path} is no stage document: {cut(error)}"
        ) from error
    if doc.stage not in STAGES:
        raise ConfigError("FieldNotSupportedInMode", f"this image has no stage {doc.stage!r}")
    return doc


def _stage_function(name: contract.Stage) -> Callable[[Stage], Result]:
    run: Callable[[Stage], Result] = importlib.import_module(STAGES[name]).run
    return run


def _stop_on_sigterm() -> threading.Event:
    stopping = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    return stopping


def _full(error: BaseException | None) -> bool:
    """Whether a full disk is behind this error, however deep."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        error = error.__cause__ or error.__context__
    return False


def _failed(error: Exception) -> tuple[int, Result]:
    if isinstance(error, StageError):
        return error.exit_code, Result(reason=error.reason, message=error.message)
    traceback.print_exception(error)
    if _full(error):
        full = RetryableError("DiskFull", f"no space is left: {cut(error)}")
        return full.exit_code, Result(reason=full.reason, message=full.message)
    if isinstance(error, MemoryError):
        return EXIT_UNKNOWN, Result(reason="OOMKilled", message="the stage ran out of memory")
    message = f"{type(error).__name__}: {cut(error)}"
    return EXIT_UNKNOWN, Result(reason="ExitCode", message=DataError("ExitCode", message).message)


def execute() -> tuple[int, Result]:
    """Runs the mounted stage; returns the exit code and the result, and never raises."""
    stopping = _stop_on_sigterm()
    try:
        doc = document()
        with Stage(doc, stopping) as stage:
            result = _stage_function(doc.stage)(stage)
        result.encode()
    except Preempted:
        message = "stopped on request; what was done is kept and the next attempt goes on from it"
        return contract.EXIT_PREEMPTED, Result(reason="Preempted", message=message)
    except Exception as error:  # noqa: BLE001 - the process's last word: everything becomes a result
        return _failed(error)
    return contract.EXIT_OK, result


def main() -> int:
    """Runs the mounted stage and leaves its result; returns the exit code."""
    # ONNX Runtime looks at it when a stage imports it: nothing of a user's machine is told to anybody.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    code, result = execute()
    if result.reason:
        sys.stderr.write(f"{result.reason}: {result.message}\n")
    try:
        leave(result)
    except OSError as error:
        sys.stderr.write(f"the result cannot be left: {cut(error)}\n")
        return code or contract.EXIT_RETRY
    return code


def console() -> NoReturn:
    """The console entry point. A thread that a library left behind must not hold a pod which has said its last word."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    console()
