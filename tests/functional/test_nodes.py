"""`nodes: 2` on one machine: the same YAML as in a cluster, two processes that train one model."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.functional.project import YAML, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PAIR = YAML.replace("    runtime: pytorch\n", "    runtime: pytorch\n    nodes: 2\n")


def outcome(done):
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["phase"] == "Succeeded"
    return run


def stage(run, name="train"):
    return next(entry for entry in run["status"]["stages"] if entry["name"] == name)


def test_two_processes_give_a_model_of_the_same_quality(project):
    project.write()
    one = outcome(project.run("-o", "json"))
    project.write(yaml=PAIR)
    two = outcome(project.run("-o", "json"))
    assert float(two["metrics"]["rmse"]) == pytest.approx(float(one["metrics"]["rmse"]), abs=0.05)
    pods = [p for p in project.objects("pods") if "-train-1-" in p["metadata"]["name"]]
    assert len(pods) == 1
    newest = max(project.objects("pipelineruns"), key=lambda r: r["status"]["startTime"])
    assert stage(newest)["attempts"] == 1
    assert "Warning" not in {
        c["type"] for c in newest["status"]["conditions"] if c["status"] == "True"
    }


def test_F22_one_that_is_killed_costs_an_attempt_and_not_the_run(project):
    project.write(yaml=PAIR, epochs="400")
    process = project.start("-o", "json")
    wait_until(project.checkpoints, timeout=90)
    (victim,) = [
        pid
        for pid in project.stage_pids()
        if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes()
    ]
    os.kill(victim, signal.SIGKILL)
    assert project.ended(process, 200) == 0, project.told()
    (run,) = project.objects("pipelineruns")
    assert run["status"]["phase"] == "Succeeded"
    assert stage(run)["attempts"] == 2
    name = run["metadata"]["name"]
    assert "resum" in project.forebay("logs", name, "--stage", "train").stdout
