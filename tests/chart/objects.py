"""Rendered objects of the chart, and the rules that all of them keep. Used here and, with helm, by tests/e2e."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Obj = dict[str, Any]
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
FORBIDDEN_VERBS = {"*", "escalate", "bind", "impersonate"}
FORBIDDEN_RESOURCES = {"*", "pods/exec", "pods/attach", "pods/portforward", "nodes"}
LABELS = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"}


def load(text: str) -> list[Obj]:
    """All objects of a stream of YAML, but for the definitions."""
    found = yaml.load_all(text, yaml.CSafeLoader)
    return [o for o in found if o and o["kind"] != "CustomResourceDefinition"]


def of(objects: list[Obj], *kinds: str) -> list[Obj]:
    """The objects of these kinds."""
    return [o for o in objects if o["kind"] in kinds]


def one(objects: list[Obj], kind: str, name: str | None = None) -> Obj:
    """The only object of a kind, or the only one of that name."""
    (found,) = [o for o in of(objects, kind) if name in (None, o["metadata"]["name"])]
    return found


def pods(objects: list[Obj]) -> Iterator[tuple[Mapping[str, str], Obj]]:
    """Labels and spec of every pod that the objects make."""
    for obj in objects:
        if obj["kind"] == "Pod":
            yield obj["metadata"]["labels"], obj["spec"]
        elif obj["kind"] == "Deployment":
            template = obj["spec"]["template"]
            yield template["metadata"]["labels"], template["spec"]


def rules(objects: list[Obj], name: str, namespace: str | None = None) -> list[Obj]:
    """The rules of the role of that name."""
    roles = [o for o in of(objects, "Role", "ClusterRole") if o["metadata"]["name"] == name]
    (role,) = [o for o in roles if namespace in (None, o["metadata"].get("namespace"))]
    return list(role["rules"])


def grants(rules: list[Obj]) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of rules."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def is_restricted(spec: Obj) -> None:
    """The `restricted` Pod Security Standard, and what we ask of pods besides."""
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all(set(volume) <= {"name", "emptyDir"} for volume in spec.get("volumes") or [])
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert not any(port.get("hostPort") for port in container.get("ports") or [])
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert not container["image"].endswith(":latest")


def is_well_formed(obj: Obj) -> None:
    """Name, namespace and labels of an object."""
    meta = obj["metadata"]
    assert len(meta["name"]) <= 63
    assert set(meta["labels"]) >= LABELS
    assert all(isinstance(value, str) for value in meta["labels"].values())
    assert ("namespace" in meta) == (obj["kind"] not in CLUSTER_WIDE), meta["name"]


def is_least(obj: Obj) -> None:
    """A role without wildcards and without the rights that are as good as all rights."""
    for group, resource, verb in grants(obj["rules"]):
        assert group != "*"
        assert resource not in FORBIDDEN_RESOURCES
        assert verb not in FORBIDDEN_VERBS
    for rule in obj["rules"]:
        if "secrets" in rule["resources"]:
            by_name = bool(rule.get("resourceNames"))
            assert by_name or rule["verbs"] == ["get"], "secrets are got by name, never listed"


def is_sound(objects: list[Obj]) -> None:
    """Every rule of this file over one scenario."""
    for obj in objects:
        is_well_formed(obj)
    for _, spec in pods(objects):
        is_restricted(spec)
    for role in of(objects, "Role", "ClusterRole"):
        is_least(role)
    names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(names) == len(set(names)), "two objects of one name"
