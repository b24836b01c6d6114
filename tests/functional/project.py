"""A small project on disk for the functional tests: ratings with unusual column names, and its YAML.

Everything runs through the installed `forebay` program, in processes of its own, as a user would.
"""

import asyncio
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import RUN, Kind

FOREBAY = Path(sys.executable).with_name("forebay")

YAML = """
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: files}
spec: {type: files, files: {url: .}}
---
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: local}
spec: {type: embedded, embedded: {}}
---
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: wines}
spec:
  ingest:
    from: {storeRef: {name: files}, table: tastings.csv}
    to: {storeRef: {name: local}, table: tastings, key: [taster, bottle]}
  preprocess:
    split: {by: random, test: "0.2", seed: 7}
  train:
    runtime: pytorch
    algorithm: matrix-factorization
    params: {user: taster, item: bottle, rating: points, epochs: "EPOCHS", seed: "3", patience: "50"}
    checkpoint: {interval: 1s}
  evaluate:
    gates: [{metric: rmse, operator: "<=", value: "GATE"}]
  publish: {model: wines, storeRef: {name: local}, keep: 3}
  predict: {to: {storeRef: {name: local}, table: suggestions}, top: 5}
DEPLOY
"""

DEPLOY = """  deploy: {deploymentRef: {name: wines}, policy: Immediate}
---
apiVersion: forebay.dev/v1alpha1
kind: ModelDeployment
metadata: {name: wines}
spec: {model: {name: wines, stage: Production}, rest: {port: 3900}}
"""


def rows(users: int = 80, items: int = 40, seed: int = 1) -> list[tuple[str, str, float]]:
    """Ratings with two hidden tastes, so that there is something to learn; string ids."""
    rng = random.Random(seed)
    made = []
    for u in range(users):
        for i in rng.sample(range(items), items // 2):
            liked = (u % 2) == (i % 2)
            made.append(
                (f"taster-{u}", f"bottle é{i}", round((88 if liked else 70) + rng.gauss(0, 3), 1))
            )
    return made


@dataclass
class Project:
    """One folder with data, YAML and state."""

    folder: Path
    state: Path

    def write(self, data=None, *, gate="10", epochs="12", deploy=False, yaml=None) -> None:
        with (self.folder / "tastings.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["taster", "bottle", "points"])
            out.writerows(rows() if data is None else data)
        text = (yaml or YAML).replace("GATE", gate).replace("EPOCHS", epochs)
        self.yaml.write_text(text.replace("DEPLOY", DEPLOY if deploy else ""))

    @property
    def yaml(self) -> Path:
        return self.folder / "pipeline.yaml"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "NO_COLOR": "1", "BENTOML_DO_NOT_TRACK": "True"}

    def forebay(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
        command = [str(FOREBAY), *arguments, "--state", str(self.state)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(),
            check=False,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.forebay("run", "-f", str(self.yaml), *arguments)

    def start(self, *arguments: str) -> subprocess.Popen:
        command = [
            str(FOREBAY),
            "run",
            "-f",
            str(self.yaml),
            "--state",
            str(self.state),
            *arguments,
        ]
        with (self.folder / "run.log").open("a") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment(), start_new_session=True
            )

    def objects(self, kind: str) -> list[dict]:
        shown = self.forebay("get", kind, "-o", "json")
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)["items"]

    def peek(self, kind: Kind) -> list[dict]:
        """Objects read straight from the state, without starting a program: for looking often."""

        async def read() -> list[dict]:
            kube = EmbeddedKube(self.state / "forebay.db")
            try:
                return await kube.list(kind)
            finally:
                await kube.close()

        return asyncio.run(read()) if (self.state / "forebay.db").exists() else []

    def stage(self, name: str) -> str | None:
        """The state of a stage of the only run; None before there is one."""
        runs = self.peek(RUN)
        stages = (runs[0].get("status") or {}).get("stages", []) if runs else []
        return next((s["state"] for s in stages if s["name"] == name), None)

    def checkpoints(self) -> list[Path]:
        """The pointers to a whole resume point; the weights that they name were written before them."""
        return list((self.state / "work").glob("runs/*/checkpoint/latest.json"))

    def stage_pids(self) -> list[int]:
        """Processes of this project's pods: those whose environment names its state folder."""
        mark = f"FOREBAY_ROOT={self.state.resolve()}/".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    ours = mark in (folder / "environ").read_bytes()
                except OSError:  # it ended, or is not ours to look at
                    continue
                if ours:
                    found.append(int(folder.name))
        return found

    def ended(self, process: subprocess.Popen, seconds: float) -> int:
        """The exit code; a process that does not end in time fails the test with all that was said."""
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {seconds} s\n{self.told()}") from None

    def told(self) -> str:
        """What the program and its pods said so far."""
        logs = [self.folder / "run.log", *sorted((self.state / "pods").glob("*/log.txt"))]
        return "\n".join(f"== {log}\n{log.read_text(errors='replace')[-4000:]}" for log in logs)

    def down(self) -> None:
        self.forebay("down")


def wait_until(condition, timeout: float = 60, every: float = 0.02):
    """The first true answer of `condition`; fails the test when there is none in time."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(every)
    raise AssertionError("it did not happen in time")


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a process that the test started."""
    process.send_signal(signal.SIGKILL)
    process.wait()
