"""One training in several processes, as pods run it: the same quality, the same bytes again, any of them killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from forebay_workloads import contract
from forebay_workloads.contract import EXIT_OK, EXIT_PEER, EXIT_PREEMPTED, Result
from tests.unit.recipes.ratings import tastes

from .kit import Kit
from .test_kill import checkpointed

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("forebay-stage")
LONG = {"epochs": "60", "patience": "60", "validation": "0", "members": "8", "batch_size": "32"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Nodes:
    """The pods of one training: a folder each, one workspace."""

    def __init__(self, kit: Kit, world: int = 2):
        self.kit, self.world, self.port = kit, world, free_port()
        kit.change(train={**kit.doc.spec["train"], "nodes": world})
        self.running: dict[int, subprocess.Popen] = {}

    def root(self, rank: int) -> Path:
        return self.kit.folder / f"root-{rank}"

    def start(self, rank: int) -> None:
        path = self.root(rank) / contract.STAGE_FILE.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(replace(self.kit.doc, stage="train").to_json())
        env = {
            **os.environ,
            contract.ROOT_ENV: str(self.root(rank)),
            contract.PROGRESS_ENV: str(self.root(rank) / "progress"),
            "RANK": str(rank),
            "WORLD_SIZE": str(self.world),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(self.port),
            "OMP_NUM_THREADS": "1",
        }
        with (self.kit.folder / f"log-{rank}").open("ab") as log:
            self.running[rank] = subprocess.Popen([PROGRAM], env=env, stdout=log, stderr=log)

    def begin(self) -> "Nodes":
        for rank in reversed(range(self.world)):
            self.start(rank)
        return self

    def wait(self, seconds: float = 90) -> list[int]:
        return [self.running[rank].wait(seconds) for rank in range(self.world)]

    def log(self, rank: int) -> str:
        return (self.kit.folder / f"log-{rank}").read_text(errors="replace")

    def left(self, rank: int) -> Result:
        path = self.root(rank) / contract.RESULT_FILE.lstrip("/")
        return Result.decode(path.read_text())

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.fixture
def nodes(kit):
    made = []

    def make(world: int = 2, **params: str) -> Nodes:
        kit.params(**params)
        made.append(Nodes(kit, world))
        return made[-1]

    yield make
    for one in made:
        one.end()


def digest(kit: Kit) -> str:
    return kit.run("publish").detail["digest"]


def rmse(kit: Kit) -> float:
    return kit.run("evaluate").metrics["rmse"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Digest and error of the long training in one process."""
    kit = Kit(tmp_path_factory.mktemp("alone"))
    kit.prepare()
    kit.params(**LONG)
    kit.run("train")
    return digest(kit), rmse(kit)


def test_two_processes_train_as_well_as_one_and_only_the_first_speaks(nodes, kit, alone):
    pair = nodes(**LONG).begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0) + pair.log(1)
    assert rmse(kit) == pytest.approx(alone[1], abs=0.005)
    assert pair.left(0).metrics == kit.document("train")["metrics"]
    assert pair.left(1) == Result()
    assert not (pair.root(1) / "progress").exists()
    assert "epoch 60/60" in pair.log(0)
    assert "epoch" not in pair.log(1)
    assert kit.document("train")["nodes"] == 2


def test_as_many_processes_give_the_same_bytes_again(nodes, kit, tmp_path_factory):
    nodes(3).begin().wait()
    other = Kit(tmp_path_factory.mktemp("again"))
    other.prepare()
    again = Nodes(other, 3).begin()
    assert again.wait() == [EXIT_OK] * 3, again.log(0)
    assert digest(kit) == digest(other)


def test_implicit_feedback_gives_the_bytes_of_one_process(nodes, kit, tmp_path_factory):
    params = {"user": "who", "item": "what", "feedback": "implicit", "factors": "8", "epochs": "4"}
    single = Kit(tmp_path_factory.mktemp("single"))
    for one in (kit, single):
        block = {**one.doc.spec["train"], "params": params}
        one.change(train=block)
    single.prepare()
    single.run("train")
    pair = nodes().begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0)
    assert digest(kit) == digest(single)


@pytest.mark.parametrize("victim", [0, 1])
def test_F22_when_one_is_killed_all_begin_again_from_the_checkpoint(nodes, kit, victim, alone):
    pair = nodes(**LONG).begin()
    checkpointed(kit, 20)
    pair.running[victim].kill()
    codes = pair.wait()
    assert codes[1 - victim] == EXIT_PEER, pair.log(1 - victim)
    assert pair.left(1 - victim).reason == "PeerLost"
    pair.begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0)
    assert kit.document("train")["resumed_from"] >= 20
    assert rmse(kit) == pytest.approx(alone[1], abs=0.005)


def test_one_that_comes_back_waits_until_the_others_have_noticed(nodes, kit):
    pair = nodes(**LONG).begin()
    checkpointed(kit, 20)
    os.kill(pair.running[0].pid, signal.SIGSTOP)  # rank 0 holds the old round open and says nothing
    pair.running[1].kill()
    pair.running[1].wait()
    pair.start(1)
    time.sleep(2)
    os.kill(pair.running[0].pid, signal.SIGCONT)
    assert pair.running[0].wait(60) == EXIT_PEER, pair.log(0)
    assert pair.running[1].poll() is None, pair.log(1)
    pair.start(0)
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0) + pair.log(1)


def test_F22_one_whose_node_is_gone_is_missed_as_soon_as_another_takes_its_place(nodes, kit, alone):
    pair = nodes(**LONG).begin()
    checkpointed(kit, 20)
    gone = pair.running[1]
    os.kill(gone.pid, signal.SIGSTOP)  # it answers nothing, and its connections stay open
    try:
        pair.start(1)
        assert pair.running[0].wait(60) == EXIT_PEER, pair.log(0)
        assert pair.left(0).reason == "PeerLost"
        pair.start(0)
        assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0) + pair.log(1)
    finally:
        gone.kill()
        gone.wait()
    assert rmse(kit) == pytest.approx(alone[1], abs=0.005)


def test_asked_to_stop_all_stop_at_the_same_step_and_the_state_is_kept(nodes, kit, alone):
    pair = nodes(**LONG).begin()
    checkpointed(kit, 5)
    pair.running[1].terminate()
    assert pair.wait() == [EXIT_PEER, EXIT_PREEMPTED], pair.log(0) + pair.log(1)
    pair.begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0)
    assert kit.document("train")["resumed_from"] >= 5
    assert rmse(kit) == pytest.approx(alone[1], abs=0.005)


def test_one_that_is_started_when_all_is_written_has_nothing_to_do(nodes, kit):
    pair = nodes().begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK]
    pair.start(0)  # its index was not recorded as done, and nobody else comes any more
    assert pair.running[0].wait(60) == EXIT_OK
    assert pair.left(0).metrics == kit.document("train")["metrics"]


def test_a_lonely_process_that_is_asked_to_stop_stops_waiting(nodes):
    pair = nodes()
    pair.start(1)
    time.sleep(3)
    pair.running[1].terminate()
    assert pair.running[1].wait(30) == EXIT_PREEMPTED


def test_a_table_without_preprocess_is_copied_by_the_first_alone(kit, nodes):
    kit.change(preprocess=None, evaluate=None)
    with kit.stage("train") as stage:
        store, rows = stage.store("local"), tastes()
        store.ensure_table("ratings", rows.schema, ["who", "what"])
        for batch in rows.to_batches():
            store.write("ratings", batch, ["who", "what"])
    pair = nodes().begin()
    assert pair.wait() == [EXIT_OK, EXIT_OK], pair.log(0) + pair.log(1)
