"""Nodes that do not exist, and what becomes of the pods on them."""

import yaml
from harness import kwok
from harness.cluster.layout import Layout
from harness.folders import HERE


def stages():
    return list(yaml.safe_load_all((HERE / "kwok-stages.yaml").read_text()))


def test_a_fake_node_takes_only_pods_that_ask_for_it():
    made = kwok.node(3)
    assert made["metadata"]["name"] == "fake-003"
    assert [taint["key"] for taint in made["spec"]["taints"]] == [kwok.TOLERATION["key"]]
    assert made["metadata"]["labels"][kwok.LABEL] == "true"


def test_a_fake_node_with_accelerators_advertises_them_and_keeps_others_off():
    made = kwok.node(0, gpus=8)
    assert made["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert "nvidia.com/gpu" in [taint["key"] for taint in made["spec"]["taints"]]
    assert made["metadata"]["name"] != kwok.node(0)["metadata"]["name"]


def test_kwok_cares_for_fake_nodes_only(tmp_path):
    assert any("annotation-selector" in each for each in kwok.arguments(Layout(tmp_path)))
    assert "--manage-all-nodes" not in " ".join(kwok.arguments(Layout(tmp_path)))


def test_only_pods_of_jobs_end_on_their_own():
    (ending,) = [each for each in stages() if each["metadata"]["name"] == "pod-of-a-job-ends"]
    rules = ending["spec"]["selector"]["matchExpressions"]
    assert {
        "key": ".metadata.ownerReferences.[].kind",
        "operator": "In",
        "values": ["Job"],
    } in rules


def test_every_step_of_a_life_has_a_name_of_its_own():
    names = [each["metadata"]["name"] for each in stages()]
    assert len(set(names)) == len(names)


def test_pods_of_nodes_that_go_are_told_by_namespace():
    pods = [
        {"metadata": {"namespace": space, "name": name}, "spec": spec}
        for space, name, spec in [
            ("a", "one", {"nodeName": "fake-000"}),
            ("a", "two", {"nodeName": "node1"}),
            ("b", "three", {"nodeName": "fake-000"}),
            ("b", "four", {}),
        ]
    ]
    assert kwok._places(pods, {"fake-000"}) == [("a", "fake-000"), ("b", "fake-000")]
