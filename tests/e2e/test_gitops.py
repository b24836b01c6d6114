"""Git as the source: what is applied stays as it was applied, whichever way, and the samples are valid."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.e2e.kit import modules, objects
from tests.e2e.kit.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if list(path.glob("*.yaml")))
MODELS = ROOT / "gitops/models/overlays/production"
OURS = "datastores,nosqlpipelines,modeldeployments"
WAYS = {"client": (), "server": ("--server-side",)}
_FLUX = "config/crd/bases/{}.toolkit.fluxcd.io_{}.yaml"
DEFINITIONS = {
    "Application": (modules.ARGO_CD, "manifests/crds/application-crd.yaml"),
    "GitRepository": (modules.SOURCE_CONTROLLER, _FLUX.format("source", "gitrepositories")),
    "HelmRelease": (modules.HELM_CONTROLLER, _FLUX.format("helm", "helmreleases")),
    "Kustomization": (modules.KUSTOMIZE_CONTROLLER, _FLUX.format("kustomize", "kustomizations")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_F71_an_example_stays_as_it_was_applied(kubectl, api, operator, namespace, example, way):
    folder = str(example)
    kubectl("apply", "-n", namespace, "-f", folder, *WAYS[way])

    def observed():
        found = kubectl.list(OURS, namespace, "--show-managed-fields")
        return found if all((o.get("status") or {}).get("conditions") for o in found) else []

    applied = until(observed, 30, "all of it has a status")

    def same():  # it takes two looks, and a status may change in between
        return not kubectl.attempt("diff", "-n", namespace, "-f", folder, *WAYS[way]).returncode

    until(same, 60, "nothing differs from what was applied")
    for obj in applied:
        entries = obj["metadata"]["managedFields"]
        ours = [e for e in entries if e["manager"].startswith("forebay")]
        assert {e.get("subresource") for e in ours} == {"status"}, obj["kind"]
    again = kubectl("apply", "-n", namespace, "-f", folder, *WAYS[way])
    if way == "client":
        assert again.strip().endswith("unchanged")


@pytest.mark.parametrize("way", WAYS)
def test_the_models_of_the_sample_are_built_by_kustomize_and_taken_by_the_api(
    kubectl, namespace, way
):
    built = kubectl("kustomize", str(MODELS))
    here = "\n".join(
        line for line in built.splitlines() if not line.startswith("  namespace: ")
    )  # the sample's own namespace is not there
    told = kubectl("apply", "-n", namespace, "--dry-run=server", *WAYS[way], "-f", "-", text=here)
    assert len(told.splitlines()) == 3


def test_F71_children_do_not_bear_the_mark_by_which_argo_cd_knows_its_own(
    kubectl, api, operator, namespace
):
    """A child with the mark of its owner would be pruned: it is not in Git."""
    label = {"app.kubernetes.io/instance": "models"}
    note = {"argocd.argoproj.io/tracking-id": "models:forebay.dev/DataStore:x/local"}
    store = objects.of("DataStore", "local", {"type": "embedded", "embedded": {}})
    store["metadata"] |= {"labels": label, "annotations": note}
    kubectl.apply([store], namespace)
    for job in until(lambda: api.list("jobs", namespace), 30, "the probe's Job is there"):
        meta = job["metadata"]
        assert not label.items() & meta["labels"].items()
        assert not note.keys() & meta.get("annotations", {}).keys()


def samples():
    """Every object of the samples that another project defines."""
    files = [*(ROOT / "gitops/flux").glob("*.yaml"), *(ROOT / "gitops/argocd/apps").glob("*.yaml")]
    for file in sorted(files):
        for obj in yaml.safe_load_all(file.read_text()):
            if not obj["apiVersion"].startswith("kustomize.config.k8s.io/"):
                yield obj


@pytest.mark.nightly
@pytest.mark.parametrize(
    "obj", list(samples()), ids=lambda o: f"{o['kind']}-{o['metadata']['name']}"
)
def test_a_sample_keeps_the_schema_of_whose_kind_it_is(obj):
    module, path = DEFINITIONS[obj["kind"]]
    definition = yaml.safe_load((modules.folder(module) / path).read_text())
    _, _, version = obj["apiVersion"].partition("/")
    (served,) = [v for v in definition["spec"]["versions"] if v["name"] == version]
    jsonschema.validate(obj, _closed(served["schema"]["openAPIV3Schema"]))


def _closed(schema):
    """The schema, with unknown fields refused: the API server would drop them in silence."""
    if not isinstance(schema, dict):
        return schema
    made = {k: _closed(v) for k, v in schema.items() if k != "properties"}
    if "properties" in schema:
        made["properties"] = {k: _closed(v) for k, v in schema["properties"].items()}
        open_ = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
        if not open_ and made["properties"].keys() - {"namespace"}:
            made["additionalProperties"] = False
    return made


def test_the_samples_are_built_by_kustomize(kubectl):
    built = kubectl("kustomize", str(ROOT / "gitops/flux"))
    assert {o["kind"] for o in yaml.safe_load_all(built)} == {
        "GitRepository",
        "HelmRelease",
        "Kustomization",
    }
