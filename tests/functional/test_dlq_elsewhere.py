"""`forebay dlq` of a pipeline that did not run from here: by its files, or in a cluster by kubectl."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forebay.cli.letterbox import Source, in_cluster
from forebay_workloads.contract import StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.consumer import Consumer
from tests.functional.test_dlq import YAML

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FOREBAY = Path(sys.executable).with_name("forebay")
KUBECTL = """#!/bin/sh
printf '%s\\n' "$@" > "$FOREBAY_ROOT/asked"
while [ "$1" != "--" ]; do shift; done
shift 2
{python} "$@" || {{ echo "command terminated with exit code $?" >&2; exit 1; }}
"""


@pytest.fixture
def pod(tmp_path):
    """What the pod of an ingest has, with two letters."""
    bus = StoreRef("bus", "embedded", {"path": str(tmp_path / "bus.db")})
    sink = StoreRef("local", "embedded", {"path": str(tmp_path / "local.db")})
    made = Consumer(tmp_path / "root", bus, sink)
    made.prepare()
    stream = open_stream(bus)
    stream.produce("tx", [b'{"id": 1}', b"rubbish", b"[]"])
    stream.close()
    process = made.start()
    while made.committed() < 3:
        assert process.poll() is None
    process.terminate()
    process.wait()
    return made


@pytest.fixture
def forebay(pod, tmp_path):
    """The command on a machine whose kubectl enters a pod that is a folder here."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable))
    program.chmod(0o755)

    def run(*arguments, path=f"{programs}:{os.environ['PATH']}"):
        environment = pod.environment() | {"PATH": path}
        return subprocess.run(
            [FOREBAY, "dlq", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_letters_of_a_cluster_are_listed_shown_and_replayed_in_the_pod_that_ingests(forebay, pod):
    place = ("--context", "prod", "-n", "shop")
    shown = forebay("ls", "payments", "-o", "json", *place)
    assert shown.returncode == 0, shown.stderr
    ids = [one["id"] for one in json.loads(shown.stdout)["items"]]
    assert len(ids) == 2
    asked = (pod.folder / "asked").read_text().split()
    assert asked[:8] == [
        *("--context", "prod", "--namespace", "shop", "exec"),
        *("deployment/payments-ingest", "--container", "stage"),
    ]
    assert "record:" in forebay("show", "payments", ids[0], *place).stdout
    done = forebay("replay", "payments", *place)
    assert (done.returncode, "2 replayed" in done.stderr) == (0, True)
    assert forebay("ls", "payments", *place).stderr == "No dead letters.\n"


def test_what_kubectl_cannot_do_is_said_with_the_command_and_another_way(forebay, pod):
    pod.file.unlink()
    result = forebay("ls", "payments", "--context", ".")
    assert result.returncode == 1
    assert "no stage document" in result.stderr.splitlines()[0]
    assert "kubectl exec deployment/payments-ingest --container stage -- python -m" in result.stderr
    assert "use -f" in result.stderr
    nowhere = forebay("ls", "payments", "--context", "prod", path="/nowhere")
    assert nowhere.returncode == 1
    assert "there is no kubectl" in nowhere.stderr
    assert "kubectl --context prod exec" in nowhere.stderr


def test_a_pipeline_is_in_files_or_in_a_cluster(forebay):
    result = forebay("ls", "payments", "--context", "prod", "-f", "pipeline.yaml")
    assert (result.returncode, "-f and --context" in result.stderr) == (2, True)


def test_a_long_name_leads_to_the_deployment_that_the_operator_made():
    name = "a" * 52
    command = in_cluster(Source(Path(), context="."), name, ["ls"])
    assert command[:3] == ["kubectl", "exec", f"deployment/{name}-ingest"]


def test_letters_are_read_by_files_without_any_state(forebay, tmp_path):
    bus = StoreRef("local", "embedded", {"path": str(tmp_path / "shared.db")})
    made = Consumer(tmp_path / "other", bus, bus)
    made.prepare()
    stream = open_stream(bus)
    stream.produce("tx", [b"rubbish"])
    process = made.start()
    while made.committed() < 1:
        assert process.poll() is None
    process.terminate()
    process.wait()
    yaml = YAML.replace("stores/local.db", str(tmp_path / "shared.db"))
    (tmp_path / "pipeline.yaml").write_text(yaml)
    shown = forebay("ls", "payments", "-o", "json", "-f", "pipeline.yaml")
    assert shown.returncode == 0, shown.stderr
    (letter,) = json.loads(shown.stdout)["items"]
    assert letter["reason"] == "Unreadable"
    assert not (tmp_path / ".forebay").exists()
    assert forebay("replay", "payments", letter["id"], "-f", "pipeline.yaml").returncode == 0
    group = "default.payments"
    assert stream.lag(group, "tx") == 1
    stream.close()
