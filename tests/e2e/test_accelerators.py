"""Devices on a real scheduler: who gets them, what is said where there are none, and that nothing falls back.

The devices are numbers in a node's status and a hand-written ResourceSlice: scheduling is real, no program finds a
device. So the stage that gets one must say that it cannot use it, which is what is to be seen here.
"""

import json

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import until
from tests.e2e.kit.watching import jobs, runs, shown, stages

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("node1"),  # its labels and devices are changed
]
NODE = "node1"
RESOURCE = "nvidia.com/gpu"
ASKED = {"vendor": "nvidia", "count": 1}
TRAIN = "forebay.dev/stage-name=train"
SOON = 5  # seconds from the scheduler's word to ours

DRIVER, FAKE = "gpu.forebay.dev", "e2e-accelerated"
TAINT = {"key": "forebay.dev/e2e", "effect": "NoSchedule"}
NEEDED = {"apiVersion": "resource.k8s.io/v1"}


@pytest.fixture
def gpu(kubectl):
    """Gives the node a device, and labels; both go afterwards."""
    labels = []

    def advertise(count=1, **more):
        for key, value in more.items():
            name = f"nvidia.com/gpu.{key}"
            kubectl("label", "node", NODE, f"{name}={value}", "--overwrite")
            labels.append(name)
        capacity(kubectl, "add", count)

    yield advertise
    for name in labels:
        kubectl("label", "node", NODE, f"{name}-")
    capacity(kubectl, "remove")


def capacity(kubectl, verb, count=0):
    """The kubelet takes over what the capacity says, as it does with a device plugin's word."""
    steps = [
        {"op": verb, "path": f"/status/{part}/nvidia.com~1gpu", "value": str(count)}
        for part in ("capacity", "allocatable")
    ]
    kubectl.attempt(
        "patch", "node", NODE, "--subresource=status", "--type=json", "-p", json.dumps(steps)
    )


def record(api, namespace, name="train"):
    found = runs(api, namespace)
    return stages(found[-1]).get(name, {}) if found else {}


def reasoned(api, namespace, reason, seconds):
    return until(
        lambda: record(api, namespace) if record(api, namespace).get("reason") == reason else None,
        seconds,
        f"train says {reason}",
        lambda: shown(api, namespace),
    )


def train_pods(api, namespace):
    return api.list("pods", namespace, TRAIN)


def asks(pod):
    (main,) = pod["spec"]["containers"]
    return RESOURCE in (main["resources"].get("limits") or {})


def judged(pod):
    """Whether the scheduler has said that no node fits."""
    conditions = pod["status"].get("conditions") or []
    return any(c["type"] == "PodScheduled" and c["status"] == "False" for c in conditions)


def test_a_device_is_waited_for_aloud_then_given_to_the_training_pod_alone(
    kubectl, api, project, gpu
):
    kubectl.apply([objects.train_only(accelerator=ASKED)], project)
    until(
        lambda: [p for p in train_pods(api, project) if judged(p)],
        120,
        "the scheduler has looked at the pod",
        lambda: shown(api, project),
    )
    waiting = reasoned(api, project, "Unschedulable", SOON)
    assert RESOURCE in waiting["message"]
    assert waiting["state"] == "Pending"

    gpu()
    reasoned(api, project, "GpuUnavailable", 90)  # it got the node; the image's torch is for CPUs
    pods = api.list("pods", project)
    (pod,) = train_pods(api, project)
    assert pod["spec"]["nodeName"] == NODE
    assert [p["metadata"]["name"] for p in pods if asks(p)] == [pod["metadata"]["name"]]
    failed = record(api, project)
    assert failed["state"] == "Failed"
    assert "train.image" in failed["message"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_a_device_with_too_little_memory_is_not_taken(kubectl, api, project, gpu):
    gpu(memory="8192")
    spec = {**ASKED, "minMemory": "10Gi"}
    kubectl.apply([objects.train_only(accelerator=spec)], project)
    until(
        lambda: record(api, project).get("reason") == "Unschedulable",
        120,
        "no node fits",
        lambda: shown(api, project),
    )
    assert "affinity" in record(api, project)["message"]
    kubectl("label", "node", NODE, "nvidia.com/gpu.memory=16384", "--overwrite")
    reasoned(api, project, "GpuUnavailable", 90)


def test_a_shared_device_is_not_taken_for_a_whole_one(kubectl, api, project, gpu):
    gpu(**{"sharing-strategy": "time-slicing"})
    kubectl.apply([objects.train_only(accelerator=ASKED)], project)
    reasoned(api, project, "Unschedulable", 120)
    kubectl.apply([objects.train_only("shared", accelerator={"sharing": "TimeSlicing"})], project)
    until(
        lambda: any(
            p["spec"].get("nodeName") == NODE and "shared" in p["metadata"]["name"]
            for p in train_pods(api, project)
        ),
        120,
        "who asks for a share gets one",
        lambda: shown(api, project),
    )


@pytest.fixture
def slices(kubectl):
    """A node that exists on paper only, with two devices of a driver that nobody wrote."""
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": FAKE,
            "labels": {"kubernetes.io/hostname": NODE},
        },  # where the volume is
        "spec": {"taints": [TAINT]},
    }
    device_class = {
        **NEEDED,
        "kind": "DeviceClass",
        "metadata": {"name": DRIVER},
        "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}]},
    }
    devices = [
        {
            "name": f"gpu-{n}",
            "attributes": {"model": {"string": model}},
            "capacity": {"memory": {"value": size}},
        }
        for n, (model, size) in enumerate([("H100", "80Gi"), ("H100", "20Gi")])
    ]
    pool = {"name": FAKE, "generation": 1, "resourceSliceCount": 1}
    slice_ = {
        **NEEDED,
        "kind": "ResourceSlice",
        "metadata": {"name": FAKE},
        "spec": {"driver": DRIVER, "nodeName": FAKE, "pool": pool, "devices": devices},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [node, device_class, slice_]})
    kubectl("apply", "-f", "-", text=text)
    room = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    status = {
        "conditions": [{"type": "Ready", "status": "True", "reason": "OnPaper"}],
        "capacity": room,
        "allocatable": room,
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "node", FAKE, "--subresource=status", "--type=merge", "-p", patch)
    yield
    for kind, name in (("resourceslice", FAKE), ("deviceclass", DRIVER), ("node", FAKE)):
        kubectl("delete", kind, name, "--ignore-not-found", "--wait=false")


def claimed(**more):
    template = {"tolerations": [{"operator": "Exists"}], **objects.SMALL}
    return objects.train_only(accelerator={"deviceClass": DRIVER, **more}, podTemplate=template)


def placed(api, namespace):
    """The training pods that have a node."""
    return [p for p in train_pods(api, namespace) if p["spec"].get("nodeName")]


def allocated(api, namespace):
    found = [
        (c.get("status") or {}).get("allocation") for c in api.list("resourceclaims", namespace)
    ]
    return [r["device"] for a in found if a for r in a["devices"]["results"]]


def test_a_device_class_is_claimed_and_the_scheduler_finds_the_device(
    kubectl, api, project, slices
):
    model = f"device.attributes['{DRIVER}'].model == 'H100'"
    kubectl.apply([claimed(selectors=[model], minMemory="40Gi")], project)
    (pod,) = until(
        lambda: placed(api, project), 120, "the pod has a node", lambda: shown(api, project)
    )
    assert pod["spec"]["nodeName"] == FAKE
    assert allocated(api, project) == ["gpu-0"]  # the other one is too small
    (template,) = api.list("resourceclaimtemplates", project)
    assert template["metadata"]["ownerReferences"][0]["kind"] == "PipelineRun"

    (job,) = jobs(api, project, "train")
    api.delete("jobs", job["metadata"]["name"], project)
    api.delete("pods", pod["metadata"]["name"], project, gracePeriodSeconds=0)
    until(
        lambda: [p for p in placed(api, project) if p["metadata"]["uid"] != pod["metadata"]["uid"]],
        90,
        "a Job that was deleted by hand is made again, with the template that is there",
        lambda: shown(api, project),
    )
    (again,) = api.list("resourceclaimtemplates", project)
    assert again["metadata"]["uid"] == template["metadata"]["uid"]


def test_a_claim_that_no_device_meets_is_told_in_the_schedulers_words(
    kubectl, api, project, slices
):
    kubectl.apply([claimed(minMemory="200Gi")], project)
    waiting = reasoned(api, project, "Unschedulable", 120)
    assert "allocate" in waiting["message"] or "claim" in waiting["message"]


def test_an_expression_that_is_none_is_refused_where_the_claim_is_made(
    kubectl, api, project, slices
):
    kubectl.apply([claimed(selectors=["device.nonsense =="])], project)
    failed = until(
        lambda: (
            (
                record(api, project)
                if "selectors" in json.dumps(runs(api, project)[-1].get("status") or {})
                else None
            )
            if runs(api, project)
            else None
        ),
        120,
        "the expression is named",
        lambda: shown(api, project),
    )
    assert failed["state"] in ("Failed", "Pending")
