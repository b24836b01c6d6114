"""`forebay dev` with a real broker: what it prints works, an interrupted start leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from forebay.manifests.stores import store_ref
from forebay.settings import Settings
from forebay_workloads.streams import open_stream
from tests.functional.project import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FOREBAY = Path(sys.executable).with_name("forebay")
ROOT = Path(__file__).parents[2]


class Dev:
    """`forebay dev`, with servers of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.env = os.environ | {"SERVERS_DIR": str(folder), "SERVERS_PORT_KAFKA": "free"}

    def start(self, *arguments):
        return subprocess.Popen(
            [FOREBAY, "dev", *arguments],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments):
        process = self.start(*arguments)
        out, errors = process.communicate(timeout=250)
        assert process.returncode == 0, errors
        return out

    def running(self):
        (told,) = json.loads(self("status", "kafka", "-o", "json"))["items"]
        return told["running"]


@pytest.fixture
def dev(tmp_path):
    made = Dev(tmp_path)
    yield made
    made("down")


def test_what_is_printed_is_a_broker_that_lets_us_in(dev, tmp_path, monkeypatch):
    printed = dev("up", "kafka")
    secret, store = yaml.safe_load_all(printed)
    ref = store_ref(store, Settings())
    monkeypatch.setenv("FOREBAY_ROOT", str(tmp_path / "root"))
    folder = tmp_path / "root" / ref.secrets.lstrip("/")
    folder.mkdir(parents=True)
    for key, value in secret["stringData"].items():
        (folder / key).write_text(value)
    stream = open_stream(ref)
    assert "Kafka" in stream.probe().server_version
    stream.close()
    assert dev("up", "kafka") == printed, "it runs already"
    assert "Kafka Server started" in dev("logs", "kafka")
    dev("down", "kafka", "--keep-data")
    assert not dev.running()
    assert dev("up", "kafka") == printed, "on the same data, with the same password"
    dev("down", "kafka")
    assert not dev.running()
    assert not (tmp_path / "kafka").exists()


def test_an_interrupted_start_leaves_no_server_behind(dev, tmp_path):
    process = dev.start("up", "kafka")
    pid = tmp_path / "kafka" / "pids" / "kafka"
    wait_until(lambda: pid.exists() and pid.read_text())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "")
    assert not dev.running()
    assert not pid.exists()
