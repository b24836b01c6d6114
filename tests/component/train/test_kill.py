"""forebay-stage as a process of its own: killed, stopped, started again."""

import json
import signal
import time

import pytest

from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, EXIT_OK, EXIT_PREEMPTED

from .kit import Kit

pytestmark = pytest.mark.slow

LONG = {"epochs": "200", "patience": "200", "validation": "0", "members": "8", "batch_size": "16"}


def published(kit) -> dict:
    return kit.run("publish").detail


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    kit = Kit(tmp_path_factory.mktemp("undisturbed"))
    kit.prepare()
    kit.params(**LONG)
    kit.run("train")
    return published(kit)


def checkpointed(kit, epoch: int) -> int:
    """Waits until a resume point after this epoch is there; returns its epoch."""
    pointer = kit.folder / "work" / "runs" / "uid-1" / "checkpoint" / "latest.json"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if pointer.exists():
            found = len(json.loads(pointer.read_text())["meta"]["curve"])
            if found >= epoch:
                return found
        time.sleep(0.01)
    raise AssertionError("no checkpoint")


def test_F22_kill_9_in_the_middle_of_training_ends_in_the_same_digest(kit, undisturbed):
    kit.params(**LONG)
    for epoch in (2, 100):
        process = kit.start("train")
        reached = checkpointed(kit, epoch)
        assert process.poll() is None, process.stdout.read()
        process.kill()
        process.wait()
        process.stdout.close()
        assert reached < 200
    process = kit.start("train")
    log, _ = process.communicate(timeout=60)
    assert process.returncode == EXIT_OK, log
    assert "to resume from" in log
    assert kit.document("train")["resumed_from"] >= 100
    assert [point["epoch"] for point in kit.document("train")["curve"]] == list(range(1, 201))
    assert published(kit)["digest"] == undisturbed["digest"]


def test_F25_sigterm_keeps_a_checkpoint_and_says_preempted(kit, undisturbed):
    kit.params(**LONG)
    kit.change(train={**kit.doc.spec["train"], "checkpoint": {"interval": "1h"}})
    process = kit.start("train")
    for line in process.stdout:
        if line.startswith("train epoch"):
            break
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=30)
    assert process.returncode == EXIT_PREEMPTED, log
    assert checkpointed(kit, 1) < 200
    assert kit.document("train") is None
    kit.run("train")
    assert published(kit)["digest"] == undisturbed["digest"]


@pytest.mark.parametrize(
    ("params", "code", "reason"),
    [
        ({"epoch": "1"}, EXIT_CONFIG, "FieldNotSupportedInMode"),
        ({"rating": "points"}, EXIT_DATA, "SchemaMismatch"),
    ],
)
def test_the_exit_code_says_what_is_wrong(kit, params, code, reason):
    kit.params(**params)
    process = kit.start("train")
    process.communicate(timeout=30)
    assert process.returncode == code
    assert kit.left().reason == reason
