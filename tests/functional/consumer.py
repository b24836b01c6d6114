"""An ingest of a topic as a process that tests start and kill, and the verdict of scripts/verify_ingest.py."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.streams import open_stream

STAGE = Path(sys.executable).with_name("forebay-stage")
VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_ingest.py"
PIPELINE = "payments"


@dataclass(frozen=True)
class Consumer:
    """topic of `bus` → table `tx` of `sink`, by the key `id`. `folder` is the root of its file system."""

    folder: Path
    bus: StoreRef
    sink: StoreRef
    topic: str = "tx"
    dead: str = "tx.dlq"
    namespace: str = "default"

    @property
    def group(self) -> str:
        """Whose positions are committed."""
        return f"{self.namespace}.{PIPELINE}"

    @property
    def file(self) -> Path:
        """The stage's document."""
        return self.folder / "etc/forebay/stage/stage.json"

    def prepare(self) -> None:
        """Writes what the stage finds where it starts."""
        self.file.parent.mkdir(parents=True)
        (self.folder / "dev").mkdir()
        spec = {
            "mode": "stream",
            "from": {"storeRef": {"name": self.bus.name}, "topic": self.topic},
            "to": {"storeRef": {"name": self.sink.name}, "table": "tx", "key": ["id"]},
            "delivery": {"guarantee": "EffectivelyOnce", "deadLetter": {"topic": self.dead}},
        }
        run = RunRef("run", "uid", self.namespace, PIPELINE)
        stores = {self.bus.name: self.bus, self.sink.name: self.sink}
        document = StageDocument("stream", run, {"ingest": spec}, stores, self.sink.name)
        self.file.write_text(document.to_json())

    def environment(self) -> dict[str, str]:
        """That of the stage and of who looks at the same stores."""
        return os.environ | {"FOREBAY_ROOT": str(self.folder)}

    def start(self) -> subprocess.Popen:
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen([STAGE], stdout=log, stderr=log, env=self.environment())

    def committed(self) -> int:
        """Records whose effect is there, by the group's positions."""
        stream = open_stream(self.bus)
        done = sum(stream.committed(self.group, self.topic).values())
        stream.close()
        return done

    def verify(self) -> tuple[int, dict]:
        """The verdict of the separate program, read from what it prints."""
        shown = subprocess.run(
            [sys.executable, VERIFIER, self.file],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
        )
        assert shown.stdout, shown.stderr
        return shown.returncode, json.loads(shown.stdout)
