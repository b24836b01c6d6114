"""Volumes that are made in advance, and given back when their claims are gone."""

import json

from harness.cluster import storage
from harness.cluster.layout import VOLUMES, Layout


def volume(name, folder, phase):
    return {
        "metadata": {"name": name},
        "spec": {"local": {"path": str(folder)}},
        "status": {"phase": phase},
    }


def test_one_class_is_the_default_and_waits_for_the_pod(tmp_path):
    first, *volumes = storage.objects(Layout(tmp_path))
    assert first["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert first["volumeBindingMode"] == "WaitForFirstConsumer"
    assert len(volumes) == VOLUMES


def test_each_volume_has_a_folder_of_its_own_on_the_node(tmp_path):
    volumes = list(storage.objects(Layout(tmp_path)))[1:]
    paths = {each["spec"]["local"]["path"] for each in volumes}
    assert len(paths) == VOLUMES
    assert all(
        each["spec"]["accessModes"] == ["ReadWriteOnce", "ReadWriteMany"] for each in volumes
    )


def test_released_volumes_are_emptied_and_free_and_bound_ones_stay(tmp_path, monkeypatch):
    for name in ("old", "used"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/file").touch()
    (tmp_path / "old/link").symlink_to(tmp_path / "used", target_is_directory=True)
    listed = [volume("a", tmp_path / "old", "Released"), volume("b", tmp_path / "used", "Bound")]
    calls = []

    def run(*command, **_):
        calls.append(command)
        return json.dumps({"items": listed})

    monkeypatch.setattr(storage, "run", run)
    monkeypatch.setattr(storage.os, "chown", lambda *_: None)
    assert storage.reset(["kubectl"]) == 1
    assert list((tmp_path / "old").iterdir()) == []
    assert (tmp_path / "used/deep/file").exists()
    assert [call[2:4] for call in calls if "patch" in call] == [("pv", "a")]


def test_a_cluster_without_volumes_has_none_to_give_back(monkeypatch):
    monkeypatch.setattr(storage, "run", lambda *_: json.dumps({"items": []}))
    assert storage.reset(["kubectl"]) == 0
