"""`forebay-serve` as a process of its own: loads by digest, answers on a socket, ends when it is told."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from forebay_workloads.contract import REQUESTS_IN_PROGRESS, Result, ServeDocument, StoreRef
from forebay_workloads.registry import artifact
from forebay_workloads.stores import open_store
from tests.unit.serve.graphs import factors, linear

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


class Pod:
    """One serving process with its root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = StoreRef("models", "embedded", {"path": str(root / "models.db")})
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def publish(self, files: dict[str, bytes]) -> artifact.Saved:
        with open_store(self.store) as store:
            return artifact.save(store, "movies", files)

    def start(self, saved: artifact.Saved, recipe: str = "matrix-factorization") -> None:
        document = ServeDocument(
            deployment="shop", model="movies", model_version="movies-v1", store=self.store,
            key=saved.key, digest=saved.digest, recipe=recipe,
        )  # fmt: skip
        path = self.root / "etc/forebay/serve/serve.json"
        path.parent.mkdir(parents=True)
        path.write_text(document.to_json())
        env = {
            **os.environ, "FOREBAY_ROOT": str(self.root), "FOREBAY_PORT_HTTP": str(self.port),
            "FOREBAY_HOST": "127.0.0.1",
        }  # fmt: skip
        program = Path(sys.executable).with_name("forebay-serve")
        self.process = subprocess.Popen([str(program)], env=env, stderr=subprocess.PIPE, text=True)

    def ask(self, path: str, body: object = None) -> tuple[int, str]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_ready(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.process.stderr.read()
            try:
                if self.ask("/v2/health/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("it never became ready")

    def result(self) -> Result:
        return Result.decode((self.root / "dev/termination-log").read_text())


@pytest.fixture
def pod(tmp_path):
    made = Pod(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def test_F53_it_answers_counts_and_drains_and_needs_no_torch(pod):
    pod.start(pod.publish(factors()))
    pod.wait_ready()
    assert pod.ask("/predict", {"inputs": [{"user": "ann", "item": "d"}]})[0] == 200
    assert pod.ask("/predict", {})[0] == 422
    status, text = pod.ask("/metrics")
    assert status == 200
    for outcome in ("ok", "refused"):
        labels = f'model_version="movies-v1",outcome="{outcome}",route="/predict"'
        assert f"forebay_requests_total{{{labels}}} 1.0" in text
    assert f"{REQUESTS_IN_PROGRESS} 0.0" in text.splitlines()  # one number, whoever scales by it
    maps = Path(f"/proc/{pod.process.pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert "libtorch" not in maps
    pod.process.send_signal(signal.SIGTERM)
    assert (
        pod.process.wait(timeout=15) == -signal.SIGTERM
    )  # drained, then ended by the signal itself


def test_F52_a_changed_artefact_is_never_served(pod):
    saved = pod.publish(factors())
    other = pod.publish(linear())
    with open_store(pod.store) as store, store.open_blob(f"{other.key}/model.onnx") as blob:
        store.put_blob(f"{saved.key}/model.onnx", blob)
    pod.start(saved)
    assert pod.process.wait(timeout=30) == 65
    assert pod.result().reason == "DigestMismatch"
    assert "model.onnx" in pod.result().message


def test_F54_a_model_that_answers_nan_never_becomes_ready(pod):
    pod.start(pod.publish(linear(float("nan"))), recipe="tabular")
    assert pod.process.wait(timeout=30) == 65
    assert pod.result().reason == "ModelLoadFailed"
    assert "NaN" in pod.result().message
