"""An operator as a process of this machine, kept running as a kubelet would: it is started again when it ends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import yaml


class Outside:
    """Use it with `with`; call `tend()` while waiting for something. It watches one namespace over `url`."""

    def __init__(self, url: str, namespace: str, folder: Path) -> None:
        self._folder, self.starts = folder, 0
        self._command = (
            *(sys.executable, "-m", "kopf", "run", "--quiet"),
            *("-m", "forebay.main", "--namespace", namespace),
        )
        (folder / "config").write_text(yaml.safe_dump(_config(url)))

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        off = dict.fromkeys(("METRICS", "HEALTH", "PROGRESS"), "0")
        env = {**os.environ, "KUBECONFIG": str(self._folder / "config")}
        env |= {f"FOREBAY_{name}_PORT": port for name, port in off.items()}
        env["FOREBAY_PROBE_SECONDS"] = "3600"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=env, stdout=log, stderr=log)
        self.starts += 1

    @property
    def log(self) -> Path:
        """What it said, over all its lives."""
        return self._folder / "operator.log"

    def tend(self) -> None:
        """Starts it again if it has ended."""
        if self._process.poll() is not None:
            self._start()


def _config(url: str) -> dict[str, object]:
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "of-nobody"}}],
    }
