import copy

import pytest

from forebay.kube.applied import is_applied

WISHED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "movies", "labels": {"a": "1"}},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "serve",
                        "image": "serve:1",
                        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                        "ports": [{"name": "http", "containerPort": 3000}],
                        "command": ["serve"],
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "nodeSelector": {"gpu": "a", "zone": "x"},
                "tolerations": [{"key": "gpu", "effect": "NoSchedule"}],
            }
        },
    },
}
OWNED = {
    "f:metadata": {"f:labels": {"f:a": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"serve"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:command": {},
                        "f:resources": {"f:requests": {"f:cpu": {}, "f:memory": {}}},
                        "f:ports": {
                            'k:{"containerPort":3000,"protocol":"TCP"}': {
                                ".": {},
                                "f:name": {},
                                "f:containerPort": {},
                            }
                        },
                    }
                },
                "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:emptyDir": {}, "f:name": {}}},
                "f:nodeSelector": {},
                "f:tolerations": {},
            }
        },
    },
}


def live(owned=OWNED, manager="forebay"):
    """The object as a server has it after the apply: defaulted, normalised, with a sidecar of somebody else."""
    found = copy.deepcopy(WISHED)
    found["status"] = {"replicas": 2}
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "annotations": {"x": "y"}}
    found["metadata"]["managedFields"] = [
        {"manager": "kcm", "operation": "Update", "fieldsV1": {"f:status": {}}},
        {"manager": manager, "operation": "Apply", "fieldsV1": owned},
    ]
    found["spec"]["strategy"] = {"type": "RollingUpdate"}
    pod = found["spec"]["template"]["spec"]
    pod["containers"][0]["resources"] = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    pod["containers"][0]["ports"][0]["protocol"] = "TCP"
    pod["containers"].insert(0, {"name": "proxy", "image": "mesh"})
    return found


def test_what_was_applied_and_defaulted_needs_no_other_apply():
    assert is_applied(WISHED, live())


def changed(path, value):
    wished = copy.deepcopy(WISHED)
    place = wished
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return wished


_CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    "wished",
    [
        changed(("spec", "replicas"), 3),
        changed(("metadata", "labels", "a"), "2"),
        changed(("metadata", "labels"), {"a": "1", "b": "2"}),
        changed((*_CONTAINER, "image"), "serve:2"),
        changed((*_CONTAINER, "resources", "requests", "cpu"), "0.6"),
        changed((*_CONTAINER, "command"), ["serve", "--fast"]),
        changed((*_CONTAINER, "name"), "other"),
        changed(("spec", "template", "spec", "volumes"), []),
        changed(("spec", "template", "spec", "nodeSelector"), {"gpu": "a"}),
        changed(("spec", "template", "spec", "tolerations", 0), {"key": "gpu"}),
    ],
)
def test_a_change_needs_an_apply(wished):
    assert not is_applied(wished, live())


def test_a_field_that_is_no_longer_wished_needs_an_apply():
    wished = copy.deepcopy(WISHED)
    del wished["spec"]["replicas"]
    assert not is_applied(wished, live())


def test_a_field_that_somebody_else_changed_needs_an_apply():
    found = live()
    found["spec"]["replicas"] = 5
    assert not is_applied(WISHED, found)


def test_an_object_that_we_never_applied_needs_an_apply():
    assert not is_applied(WISHED, live(manager="kubectl"))


def test_labels_are_not_quantities():
    wished = changed(("metadata", "labels", "a"), "1000m")
    assert not is_applied(wished, live())


def test_items_of_a_set_are_found_by_value():
    wished = {**copy.deepcopy(WISHED), "finalizers": ["a", "b"]}
    found = {**live({"f:finalizers": {'v:"a"': {}}}), "finalizers": ["a", "b"]}
    assert is_applied(wished, found)
    gone = {**live({"f:finalizers": {'v:"c"': {}}}), "finalizers": ["a", "b"]}
    assert not is_applied(wished, gone)
