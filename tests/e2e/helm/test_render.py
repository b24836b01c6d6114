"""The chart as Helm reads it: every scenario of ci/ is linted, rendered, judged and sent to the API server.

These tests stand here because helm is built in this tier; what the renders contain is tested without helm in
tests/chart, on the committed files that `test_the_committed_renders_are_what_helm_makes` holds to the truth.
"""

import json

import pytest
from scripts.chart_render import RENDERED, SNAPSHOTS, render, scenarios, snapshot

from tests.chart import objects as o
from tests.e2e.kit.helm import CHART, sets

pytestmark = pytest.mark.e2e
NAMES = sorted(scenarios())
DIGEST = f"sha256:{'1' * 64}"


def refused(helm, *values):
    """What Helm says when it renders the chart with values that must not pass."""
    done = helm.attempt("template", "forebay", str(CHART), *sets(values))
    assert done.returncode != 0, f"{values} was rendered"
    return done.stderr


def notes(helm, *values):
    """What an installation with these values prints at its end."""
    return helm("install", "new", str(CHART), "-n", "new", "--dry-run=client", *sets(values))


@pytest.mark.parametrize("name", NAMES)
def test_helm_finds_nothing_to_complain_about(helm, name):
    helm("lint", "--strict", "--quiet", str(CHART), "--values", str(scenarios()[name]))


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_committed_renders_are_what_helm_makes(helm, name):
    text = snapshot(render(helm.program, name))
    assert (RENDERED / f"{name}.yaml").read_text() == text, "run make chart"


@pytest.mark.parametrize("name", NAMES)
def test_S01_S02_every_scenario_keeps_the_charts_rules(helm, name):
    o.is_sound(o.load(render(helm.program, name)))


@pytest.mark.parametrize("name", NAMES)
def test_the_api_server_takes_every_scenario(helm, kubectl, shared_namespace, name):
    here = ["--namespace", shared_namespace]
    if "team-a" in scenarios()[name].read_text():
        here += sets([f"watchNamespaces={{{shared_namespace}}}"])
    here += sets([f"metrics.dashboards.namespace={shared_namespace}"])
    found = o.load(render(helm.program, name, *here))
    served = [obj for obj in found if obj["kind"] != "PodMonitor"]  # its API is not in the cluster
    for pod in o.of(served, "Pod"):  # its own account is not there in a dry run
        pod["spec"]["serviceAccountName"] = "default"
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": served})
    judge = ["--server-side", "--force-conflicts", "--dry-run=server"]  # a release may be there
    kubectl("apply", *judge, "-f", "-", text=text)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["watchNamespace={team-a}"], "watchNamespace"),
        (["progress.enabled=maybe"], "/progress/enabled"),
        (["image.digest=sha256:12"], "/image/digest"),
        (["reconcile.workers=many"], "/reconcile/workers"),
        (["requireDigests=true"], "give image.digest"),
        (["requireDigests=true", f"image.digest={DIGEST}"], "give pods.trainImage.digest"),
        (["admissionPolicy.enabled=true"], "set imagePrefixes, requireDigest or maxAccelerators"),
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_refused_by_name(helm, values, said):
    assert said in refused(helm, *values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "kubectl delete crd"),
        (["crds.keep=false"], "deletes every pipeline"),
        (["crds.install=false"], "does not become ready"),
        (["watchNamespaces={team-a}"], "Progress is not pushed"),
        (["metrics.podMonitor.enabled=true"], "does not know monitoring.coreos.com/v1"),
        (["rbac.create=false"], "can do nothing"),
        (["networkPolicy.enabled=false"], "every pod can reach"),
    ],
    ids=str,
)
def test_the_notes_say_what_is_special_about_an_installation(helm, values, said):
    assert said in notes(helm, *values)


def test_a_monitor_is_left_out_where_its_api_is_not_there(helm):
    text = helm("template", "forebay", str(CHART), *sets(["metrics.podMonitor.enabled=true"]))
    assert o.of(o.load(text), "PodMonitor") == []
