"""What the chart gives to people: its roles join the cluster's own; the admission policy limits pipelines."""

import json

import pytest

from tests.chart import objects as o
from tests.e2e.kit import objects
from tests.e2e.kit.helm import CHART, sets
from tests.e2e.kit.waiting import until

pytestmark = pytest.mark.e2e
MAY = {
    "view": {("get", "nosqlpipelines"), ("list", "modelversions")},
    "edit": {("get", "nosqlpipelines"), ("create", "nosqlpipelines"), ("patch", "modelversions")},
    "admin": {("create", "nosqlpipelines"), ("deletecollection", "pipelineruns")},
}
MAY_NOT = {
    "view": {("create", "nosqlpipelines"), ("patch", "modelversions")},
    "edit": {("deletecollection", "pipelineruns"), ("patch", "nosqlpipelines/status")},
    "admin": {("patch", "nosqlpipelines/status")},
}


@pytest.mark.parametrize("role", MAY)
def test_the_clusters_own_roles_know_our_kinds(operator, kubectl, namespace, role):
    kubectl("create", "rolebinding", role, f"--clusterrole={role}", "--user=ada", "-n", namespace)

    def can(verb, resource):
        name, _, part = resource.partition("/")
        more = [f"--subresource={part}"] if part else []
        who = ["-n", namespace, "--as=ada", *more]
        done = kubectl.attempt("auth", "can-i", verb, f"{name}.forebay.dev", *who)
        return done.stdout.strip() == "yes"

    until(lambda: all(can(*right) for right in MAY[role]), 20, f"{role} has the rights")
    assert not any(can(*right) for right in MAY_NOT[role])


@pytest.fixture
def policy(helm, kubectl, namespace):
    """The admission policy alone, for one namespace."""
    values = [
        f"fullnameOverride={namespace}",
        f"watchNamespaces={{{namespace}}}",
        "admissionPolicy.enabled=true",
        "admissionPolicy.imagePrefixes={ghcr.io/acme/,localhost/}",
        "admissionPolicy.requireDigest=true",
        "admissionPolicy.maxAccelerators=2",
        "crds.install=false",
    ]
    text = helm("template", "forebay", str(CHART), "-n", namespace, *sets(values))
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    made = o.of(o.load(text), *kinds)
    kubectl.apply(made, namespace)
    yield
    for obj in made:
        kubectl("delete", obj["kind"], obj["metadata"]["name"])


def test_S07_the_policy_limits_images_and_accelerators(kubectl, namespace, policy):
    digest = "@sha256:" + "1" * 64

    def said(**train):
        done = kubectl.attempt(
            "create", "--dry-run=server", "-n", namespace, "-f", "-", text=pipeline(**train)
        )
        return "" if done.returncode == 0 else done.stderr

    until(lambda: said(image="docker.io/other/train:1"), 30, "the policy is in force")
    assert "has to begin with one of ghcr.io/acme/, localhost/" in said(image=f"other{digest}")
    assert "spec.train.image has no digest" in said(image="ghcr.io/acme/train:1")
    assert "more accelerators (count times nodes) than the 2" in said(
        nodes=3, accelerator={"count": 1}
    )
    assert said(image=f"ghcr.io/acme/train{digest}", nodes=2, accelerator={"count": 1}) == ""
    assert said() == ""


def pipeline(**train):
    """A pipeline with these fields of `train`, as JSON."""
    return json.dumps(objects.train_only(**train))
