"""Programs that outlive us: found again, told when they fail, never mistaken for somebody else's."""

import os
import shutil
import subprocess

import pytest
from harness.cluster.layout import Layout
from harness.processes import Processes


@pytest.fixture
def processes(tmp_path):
    """Of a state folder that is left without programs."""
    made = Processes(Layout(tmp_path))
    yield made
    for name in made.names():
        made.stop(name)


def test_a_program_is_found_by_whoever_looks_into_the_folder(processes, tmp_path):
    processes.start("etcd", ["sleep", "60"])
    assert Processes(Layout(tmp_path)).pid("etcd") == processes.pid("etcd")
    processes.stop("etcd")
    assert processes.pid("etcd") is None
    assert processes.names() == []


def test_a_pid_that_the_kernel_gave_to_somebody_else_is_not_signalled(processes, tmp_path):
    with subprocess.Popen(["sleep", "60"]) as somebody:
        (tmp_path / "pids").mkdir()
        (tmp_path / "pids/etcd").write_text(f"{somebody.pid} 1")
        processes.stop("etcd")
        assert somebody.poll() is None
        somebody.kill()


def test_a_program_that_ends_at_once_is_told_with_its_last_words(processes):
    processes.start("kubelet", ["sh", "-c", "echo no such flag >&2; exit 1"])
    with pytest.raises(RuntimeError, match=r"kubelet ended[\s\S]*no such flag"):
        processes.wait("kubelet", lambda: False)


def test_a_program_that_does_not_get_ready_is_told_so(processes):
    processes.start("kubelet", ["sleep", "60"])
    with pytest.raises(RuntimeError, match="kubelet is not ready after 0 s"):
        processes.wait("kubelet", lambda: False, seconds=0)


def test_a_program_that_does_not_hear_is_killed(processes):
    processes.start("etcd", ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"])
    log = processes._layout.log("etcd")
    processes.wait("etcd", lambda: "up" in log.read_text(), seconds=5)
    processes.stop("etcd", seconds=0.2)
    assert processes.pid("etcd") is None


def test_a_program_has_a_session_of_its_own_so_that_our_terminal_does_not_end_it(processes):
    processes.start("etcd", ["sleep", "60"])
    assert os.getsid(processes.pid("etcd")) == processes.pid("etcd")


def test_looking_at_a_folder_that_is_not_there_does_not_make_it(tmp_path):
    missing = Processes(Layout(tmp_path / "none"))
    assert (missing.pid("etcd"), missing.names()) == (None, [])
    assert not (tmp_path / "none").exists()


def test_programs_of_a_folder_that_was_deleted_are_known_again(tmp_path):
    root = tmp_path / "state"
    processes = Processes(Layout(root))
    root.mkdir()
    processes.start("sleep", ["sleep", "60"])
    pid = processes.pid("sleep")
    shutil.rmtree(root)
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as somebody:
        assert Processes(Layout(root)).adopt(["etcd", "sleep"]) == ["sleep"]
        assert Processes(Layout(root)).pid("sleep") == pid
        processes.stop("sleep")
        assert processes.pid("sleep") is None
        assert somebody.poll() is None
        somebody.kill()
