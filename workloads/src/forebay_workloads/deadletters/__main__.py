"""`python -m forebay_workloads.deadletters ls|show|replay`: JSON lines about the mounted stage document's letters.

Run by `forebay dlq`, or in the pod of an ingest. Errors are one line on stderr; exit codes are the stages'.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from forebay_workloads.deadletters.letter import Letter
from forebay_workloads.deadletters.place import Place, place_of
from forebay_workloads.deadletters.replay import Choice, chosen, replay
from forebay_workloads.errors import ConfigError, StageError
from forebay_workloads.main import document
from forebay_workloads.stage import Stage

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command."""
    asked = _parser().parse_intermixed_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with Stage(document(), stopping) as stage:
            return _run(stage, asked)
    except StageError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deadletters", description="Dead letters of an ingest.")
    parser.add_argument("command", choices=("ls", "show", "replay"))
    parser.add_argument("ids", nargs="*", help="ids as ls prints them; all where none is given")
    parser.add_argument("--since", type=int, default=0, help="sent since, ms since 1970")
    parser.add_argument("--all", action="store_true", help="also letters that were replayed")
    parser.add_argument("--dry-run", action="store_true", help="name what would be replayed")
    return parser


def _run(stage: Stage, asked: argparse.Namespace) -> int:
    origin = (stage.doc.spec.get("ingest") or {}).get("from") or {}
    if not origin.get("topic"):
        raise ConfigError(
            "FieldNotSupportedInMode", "dead letters are those of an ingest.from.topic"
        )
    place = place_of(stage)
    everything = asked.all or asked.command == "show"
    ids = frozenset(asked.ids) if asked.ids else None
    choice = Choice(origin["topic"], asked.since, ids, everything)
    if asked.command == "replay" and not asked.dry_run:
        return _replay(stage, place, origin["storeRef"]["name"], choice)
    for letter in chosen(place, choice):
        _say(letter.document(whole=asked.command == "show"))
        if stage.stopping.is_set():
            return EXIT_INTERRUPTED
    return 0


def _replay(stage: Stage, place: Place, source: str, choice: Choice) -> int:
    def tell(chunk: Sequence[Letter]) -> None:
        for one in chunk:
            _say(one.light().document())

    replay(place, stage.stream(source), choice, stage.stopping.is_set, tell)
    return EXIT_INTERRUPTED if stage.stopping.is_set() else 0


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
