"""What a cluster leaves, and how it is told from what others made."""

import json
from pathlib import Path

from harness.cluster import network, remains
from harness.cluster.layout import Layout

SHIM = b"/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0ab12\0-address\0%s\0"


def test_a_shim_is_ours_by_the_socket_that_it_reports_to(tmp_path):
    layout = Layout(tmp_path)
    assert remains.keeps(SHIM % str(layout.socket).encode(), layout)
    assert not remains.keeps(SHIM % b"/run/containerd/containerd.sock", layout)
    assert not remains.keeps(b"less\0%s\0" % str(layout.socket).encode(), layout)
    assert not remains.keeps(b"", layout)


def test_mounts_below_the_state_folder_are_undone_from_the_inside_out():
    table = "\n".join(
        f"none {point} tmpfs rw 0 0"
        for point in ("/", "/s/kubelet", "/s/kubelet/pods/a\\040b", "/s2/x", "/s")
    )
    assert remains.mounts(table, Path("/s")) == ["/s/kubelet/pods/a b", "/s/kubelet"]


def test_links_to_logs_of_ours_go_and_others_stay(tmp_path, monkeypatch):
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setattr(remains, "_LOG_LINKS", links)
    monkeypatch.setattr(remains, "_CGROUPS", tmp_path / "none")
    (links / "ours.log").symlink_to(tmp_path / "state/pod-logs/0.log")
    (links / "theirs.log").symlink_to("/var/log/pods/0.log")
    remains.remove(Layout(tmp_path / "state"))
    assert [path.name for path in links.iterdir()] == ["theirs.log"]


def test_cgroups_of_pods_go_as_far_as_nobody_is_in_them(tmp_path, monkeypatch):
    (tmp_path / "memory/kubepods/burstable/pod1").mkdir(parents=True)
    (tmp_path / "memory/system.slice").mkdir()
    (tmp_path / "kubepods/besteffort").mkdir(parents=True)
    (tmp_path / "kubepods/besteffort/somebody").touch()
    monkeypatch.setattr(remains, "_CGROUPS", tmp_path)
    remains.remove(Layout(tmp_path / "state"))
    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["system.slice"]
    assert (tmp_path / "kubepods/besteffort/somebody").exists()


def test_notes_of_cni_are_ours_by_the_network_and_each_pod_s_loopback_goes_along(tmp_path):
    for name in ("forebay-a1-eth0", "cni-loopback-a1-lo", "podman-b2-eth0", "cni-loopback-b2-lo"):
        (tmp_path / name).touch()
    found = [path.name for path in network.leftovers(tmp_path)]
    assert found == ["cni-loopback-a1-lo", "forebay-a1-eth0"]


def test_a_note_names_the_network_namespace_that_it_speaks_of():
    note = json.loads(
        '{"result": {"interfaces": [{"name": "veth1"}, {"name": "eth0", "sandbox": "/var/run/netns/cni-1"}]}}'
    )
    assert network.sandboxes(note) == {"cni-1"}
    assert network.sandboxes({"result": {}}) == set()
