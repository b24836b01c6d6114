"""kill -9 wherever it hurts: the same final objects as a run that nobody disturbed."""

import os
import signal
from pathlib import Path

import pytest

from tests.functional.project import Project, kill, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGES = ("ingest", "preprocess", "train", "evaluate", "publish", "predict")


def final(project: Project) -> dict:
    """What is left of a run, without names made from uids, times and places."""
    (run,) = project.objects("pipelineruns")
    (version,) = project.objects("modelversions")
    stages = [(s["name"], s["state"], s.get("rows")) for s in run["status"]["stages"]]
    return {
        "phase": run["status"]["phase"],
        "stages": stages,
        "metrics": run["status"]["metrics"],
        "version": version["metadata"]["name"],
        "digest": version["spec"]["digest"],
        "artifact": version["spec"]["artifact"],
        "kinds": sorted(o["kind"] for o in project.objects("forebay")),
    }


def undisturbed(tmp_path, **options) -> dict:
    folder = tmp_path / "reference"
    folder.mkdir()
    reference = Project(folder, tmp_path / "reference-state")
    reference.write(**options)
    assert reference.run().returncode == 0
    return final(reference)


def test_F08_a_run_killed_at_every_stage_boundary_ends_in_the_same_objects(project, tmp_path):
    project.write(epochs="4")
    for stage in STAGES:
        process = project.start()
        wait_until(lambda s=stage: project.stage(s) == "Succeeded", timeout=90)
        kill(process)
    assert project.run().returncode == 0
    assert final(project) == undisturbed(tmp_path, epochs="4")


def test_F22_a_training_killed_in_its_middle_resumes_and_ends_in_the_same_model(project, tmp_path):
    project.write(epochs="1500")
    process = project.start()
    wait_until(project.checkpoints, timeout=90)
    kill(process)
    for pid in project.stage_pids():
        os.kill(pid, signal.SIGKILL)
    assert project.run().returncode == 0
    assert (
        "resum"
        in project.forebay("logs", project.objects("pipelineruns")[0]["metadata"]["name"]).stdout
    )
    assert final(project) == undisturbed(tmp_path, epochs="1500")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_on_request_stops_all_children_and_leaves_the_run_unfinished(project, number, code):
    project.write(epochs="10000")
    process = project.start()
    wait_until(project.checkpoints, timeout=90)
    pids = project.stage_pids()
    assert pids
    process.send_signal(number)
    assert process.wait(timeout=30) == code
    for pid in pids:
        wait_until(lambda p=pid: not Path(f"/proc/{p}").exists())
    (run,) = project.objects("pipelineruns")
    assert run["status"]["phase"] not in ("Failed", "Succeeded")
