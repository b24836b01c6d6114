import json

import numpy as np
import pytest

from forebay_workloads.train.checkpoint import POINTER, Checkpoints
from forebay_workloads.workspace import Workspace
from tests.unit.workspace.memory_store import MemoryStore


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def workspace():
    return Workspace(MemoryStore(), "runs/1")


def checkpoints(workspace, *, interval=60.0, resume=True, clock=None, log=lambda _: None):
    return Checkpoints(workspace, interval, resume=resume, log=log, clock=clock or Clock())


def arrays(value):
    return {"w": np.full((2, 3), value, np.float32), "step": np.array(7.0, np.float32)}


def restored(workspace, **options):
    found = checkpoints(workspace, **options).load()
    return None if found is None else (float(found[0]["w"][0, 0]), found[1])


def test_nothing_is_there_at_first(workspace):
    assert restored(workspace) is None


def test_the_newest_one_comes_back_bit_for_bit(workspace):
    one = checkpoints(workspace)
    for value in (1.0, 2.0, 1 / 3):
        one.save(arrays(value), {"epoch": value})
    found, meta = checkpoints(workspace).load()
    assert found["w"].tobytes() == arrays(1 / 3)["w"].tobytes()
    assert found["step"].shape == ()
    assert meta == {"epoch": 1 / 3}


def test_resume_never_finds_nothing(workspace):
    checkpoints(workspace).save(arrays(1.0), {})
    assert restored(workspace, resume=False) is None


def test_they_are_due_when_the_interval_has_passed(workspace):
    clock = Clock()
    one = checkpoints(workspace, clock=clock)
    assert not one.due()
    clock.now = 60.0
    assert one.due()
    one.save(arrays(1.0), {})
    assert not one.due()


def test_an_interval_of_zero_keeps_every_one(workspace):
    assert checkpoints(workspace, interval=0).due()


class Full(MemoryStore):
    """A store that dies before the n-th blob is complete."""

    def __init__(self, blobs, left):
        super().__init__()
        self.blobs, self.left = blobs, left

    def put_blob(self, key, source):
        if not self.left:
            raise ConnectionError("killed")
        self.left -= 1
        return super().put_blob(key, source)


@pytest.mark.parametrize("left", [0, 1])
def test_F24_a_kill_while_saving_leaves_the_one_before(workspace, left):
    first = checkpoints(workspace)
    first.save(arrays(1.0), {"n": 1})
    first.save(arrays(2.0), {"n": 2})
    dying = Workspace(Full(workspace.store.blobs, left), "runs/1")
    second = checkpoints(dying)
    second.load()
    with pytest.raises(ConnectionError):
        second.save(arrays(3.0), {"n": 3})
    assert restored(workspace) == (2.0, {"n": 2})


def test_F24_a_damaged_one_is_said_and_not_used(workspace):
    checkpoints(workspace).save(arrays(1.0), {})
    name = json.loads(workspace.get(POINTER))["file"]
    workspace.put(name, b"garbage")
    lines = []
    assert restored(workspace, log=lines.append) is None
    assert "starts anew" in lines[0]


def test_a_pointer_to_another_blob_is_not_followed(workspace):
    checkpoints(workspace).save(arrays(1.0), {})
    pointer = json.loads(workspace.get(POINTER))
    workspace.write_json(POINTER, {**pointer, "file": "model/weights.safetensors"})
    assert restored(workspace) is None
