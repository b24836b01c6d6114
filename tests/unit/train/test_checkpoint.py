import contextlib
import hashlib
import json
import pickle
import resource
import struct

import numpy as np
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import open_store
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


@contextlib.contextmanager
def no_file_larger_than(size):
    """The kernel refuses to write beyond so many bytes of a file, as a disk does that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_F24_F48_wherever_the_disk_ends_the_checkpoint_before_is_used(tmp_path):
    large = {"w": np.full(2000, 1.0, np.float32)}
    with open_store(StoreRef("files", "files", {"url": str(tmp_path)})) as store:
        workspace = Workspace(store, "runs/1")
        one = checkpoints(workspace)
        one.save(large, {"n": 1})
        for size in (0, 1, 7, 8, 100, 4095, 4096, 8000):
            with no_file_larger_than(size), pytest.raises(RetryableError) as caught:
                one.save({"w": large["w"] * 2}, {"n": 2})
            assert caught.value.reason == "DiskFull"
            found, meta = checkpoints(workspace).load()
            assert meta == {"n": 1}
            assert found["w"].tolist() == large["w"].tolist()
        with no_file_larger_than(100_000):
            one.save({"w": large["w"] * 2}, {"n": 2})
        assert checkpoints(workspace).load()[1] == {"n": 2}


def tensors(header, body=b"\0" * 8):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(begin, end, shape=(2,)):
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}


HOSTILE = {
    "a pickle": pickle.dumps({"w": [1.0]}),
    "nothing": b"",
    "a header longer than the file": struct.pack("<Q", 1 << 63) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 4) + b"abcd",
    "tensors that overlap": tensors({"a": tensor(0, 8), "b": tensor(4, 12)}, b"\0" * 12),
    "a tensor beyond the end": tensors({"a": tensor(0, 100 << 30, (25 << 30,))}),
    "a shape of another size": tensors({"a": tensor(0, 8, (1 << 40,))}),
    "a negative place": tensors({"a": tensor(-8, 8)}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_F51_hostile_bytes_are_no_checkpoint_even_under_their_own_digest(workspace, what):
    checkpoints(workspace).save(arrays(1.0), {})
    pointer = json.loads(workspace.get(POINTER))
    workspace.put(pointer["file"], HOSTILE[what])
    digest = "sha256:" + hashlib.sha256(HOSTILE[what]).hexdigest()
    workspace.write_json(POINTER, {**pointer, "digest": digest})
    lines = []
    assert restored(workspace, log=lines.append) is None
    assert "starts anew" in lines[0]
