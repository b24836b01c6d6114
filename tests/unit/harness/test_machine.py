"""Whose the machine is, which ports must be free, and the kernel's settings that are put back."""

import pytest
from harness.cluster import machine
from harness.cluster.layout import Layout
from harness.processes import Processes

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:094B 00000000:0000 0A 00000000:00000000
   1: 0100007F:192B 0100007F:C350 01 00000000:00000000
   0: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 0
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test touches the machine's own files."""
    monkeypatch.setattr(machine, "OWNER", tmp_path / "owner")
    monkeypatch.setattr(machine, "_SETTINGS", tmp_path / "settings")


def layout(tmp_path, name="state"):
    (tmp_path / name).mkdir(exist_ok=True)
    return Layout(tmp_path / name)


def test_ports_that_somebody_listens_on_are_found_in_the_kernel_s_table():
    assert machine.listening(TABLE) == {2379, 10250}


def test_a_port_that_another_program_holds_is_named_with_who_needs_it(monkeypatch):
    monkeypatch.setattr(machine, "listening", lambda _: {2379})
    with pytest.raises(RuntimeError, match="port 2379, which etcd needs"):
        machine.check_ports(lambda _: None)


def test_a_port_that_our_own_program_holds_is_fine(monkeypatch):
    monkeypatch.setattr(machine, "listening", lambda _: {2379, 2380})
    machine.check_ports(lambda _: 17)


def test_another_folder_s_cluster_is_named_with_how_to_end_it(tmp_path):
    theirs = layout(tmp_path, "theirs")
    running = Processes(theirs)
    running.start("etcd", ["sleep", "60"])
    with machine.owned(theirs) as file:
        machine.take(file, theirs)
    try:
        with (
            pytest.raises(RuntimeError, match=f"CLUSTER_DIR={theirs.root} make cluster-down"),
            machine.owned(layout(tmp_path)),
        ):
            pass
    finally:
        running.stop("etcd")


def test_a_machine_whose_cluster_has_died_may_be_taken(tmp_path):
    gone, ours = Layout(tmp_path / "gone"), layout(tmp_path)
    with machine.owned(gone) as file:
        machine.take(file, gone)
    with machine.owned(ours) as file:
        machine.take(file, ours)
    assert machine.OWNER.read_text() == str(ours.root)


def test_who_waited_for_the_end_of_a_cluster_finds_nobody_s_machine(tmp_path):
    ours = layout(tmp_path)
    with machine.owned(ours) as file:
        machine.take(file, ours)
        machine.release()
        assert not machine._is_current(file)
    with machine.owned(layout(tmp_path, "next")):
        assert machine.OWNER.read_text() == ""


def test_settings_come_back_as_they_were_before_the_first_start(tmp_path):
    setting = tmp_path / "settings" / machine.SETTINGS[0]
    setting.parent.mkdir(parents=True)
    setting.write_text("0\n")
    machine.remember(layout(tmp_path))
    setting.write_text("1\n")
    machine.remember(layout(tmp_path))  # a repair
    machine.restore(layout(tmp_path))
    assert setting.read_text() == "0\n"
    assert list(layout(tmp_path).root.iterdir()) == []


def test_a_folder_whose_socket_the_kernel_would_refuse_is_refused_first(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")
    with pytest.raises(RuntimeError, match="set CLUSTER_DIR"):
        machine.check(Layout(tmp_path / ("x" * 100)))


@pytest.mark.parametrize(("system", "uid", "says"), [("Darwin", 0, "Linux"), ("Linux", 7, "root")])
def test_a_machine_that_cannot_is_told_what_else_works(tmp_path, monkeypatch, system, uid, says):
    monkeypatch.setattr(machine.platform, "system", lambda: system)
    monkeypatch.setattr(machine.os, "geteuid", lambda: uid)
    with pytest.raises(RuntimeError, match=f"{says}.*start Docker"):
        machine.check(layout(tmp_path))
