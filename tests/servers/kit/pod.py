"""A stage's process with a folder for its root, as the embedded plane runs one; and all that it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from forebay_workloads.contract import (
    RESULT_FILE,
    SECRETS_DIR,
    STAGE_FILE,
    Result,
    RunRef,
    StageDocument,
    StoreRef,
)

PROGRAM = Path(sys.executable).with_name("forebay-stage")


@dataclass(frozen=True)
class Ended:
    """How a stage ended."""

    code: int
    result: Result
    said: str


class Pod:
    """One stage of a pipeline that reads `store`; its rows go to a local file."""

    def __init__(
        self, folder: Path, stage: str, store: StoreRef, secret: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self._secret = dict(secret)
        self._mount(store.name)
        inside = replace(store, secrets=f"{SECRETS_DIR}/{store.name}" if secret else None)
        local = StoreRef("local", "embedded", {"path": str(folder / "local.db")})
        stores = {store.name: inside} | ({} if stage == "probe" else {"local": local})
        self._document = StageDocument(
            stage, RunRef("run", "uid", "shop", "tiny"), {}, stores, "local"
        )

    def _mount(self, name: str) -> None:
        mounted = Path(f"{self.folder}{SECRETS_DIR}/{name}")
        mounted.mkdir(parents=True)
        for key, value in self._secret.items():
            (mounted / key).write_text(value)

    def start(self, ingest: Mapping[str, Any], more: Mapping[str, str]) -> Pod:
        """Begins the stage; `more` of the environment."""
        document = replace(self._document, spec={"ingest": ingest})
        file = Path(f"{self.folder}{STAGE_FILE}")
        file.parent.mkdir(parents=True)
        file.write_text(document.to_json())
        (self.folder / "dev").mkdir()
        env = os.environ | {
            "FOREBAY_ROOT": str(self.folder),
            "FOREBAY_PROGRESS": str(self.folder / "progress"),
            **more,
        }
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen([PROGRAM], stdout=log, stderr=log, env=env)
        return self

    def ended(self, seconds: float) -> Ended:
        """Waits for the end; a stage that takes longer is killed and fails the test."""
        with self:
            code = self._process.wait(seconds)
        result = Result.decode(Path(f"{self.folder}{RESULT_FILE}").read_text())
        return Ended(code, result, (self.folder / "log").read_text())

    def progress(self) -> list[dict[str, Any]]:
        """What it said of its work so far."""
        file = self.folder / "progress"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def reasons(self) -> set[str | None]:
        """What it said was in its way, while it ran and at its end."""
        said = {line.get("reason") for line in self.progress()}
        file = Path(f"{self.folder}{RESULT_FILE}")
        return said | ({Result.decode(file.read_text()).reason} if file.exists() else set())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def leaks(self) -> list[str]:
        """Files with a secret in them, but those that are the Secret."""
        hidden = [value.encode() for key, value in self._secret.items() if _is_secret(key)]
        mounts = Path(f"{self.folder}{SECRETS_DIR}")
        files = (p for p in self.folder.rglob("*") if p.is_file() and mounts not in p.parents)
        return [str(p) for p in files if any(value in p.read_bytes() for value in hidden)]


def _is_secret(key: str) -> bool:
    return key not in ("username", "accessKeyId", "ca.crt", "tls.crt")


def shown(result: Result) -> str:
    """For messages of tests."""
    return json.dumps({"reason": result.reason, "message": result.message})
