"""Which ModelVersion a ModelDeployment means, and what it says when there is none. Called by its plan."""

from __future__ import annotations

from forebay.api.reasons import Reason
from forebay.kube.port import DATASTORE, MODEL_VERSION, PIPELINE, Obj, Ref
from forebay.manifests.labels import STAGE, labels_of
from forebay.manifests.modelversion import version_number
from forebay.manifests.serve_document import auth_secret
from forebay.plan.secrets import missing_keys, missing_secret
from forebay.plan.types import Observed

_SHOWN = 5  # newest versions named in a message


def versions(observed: Observed) -> list[Obj]:
    """All versions of the model that were observed, newest first."""
    model = observed.object["spec"]["model"]["name"]
    found = [
        obj
        for ref, obj in observed.related.items()
        if ref.kind == MODEL_VERSION and obj is not None and obj["spec"]["model"] == model
    ]
    return sorted(found, key=version_number, reverse=True)


def chosen(observed: Observed) -> Obj | None:
    """The version that spec.model names: by version, or the newest of a stage."""
    wish = observed.object["spec"]["model"]
    for version in versions(observed):
        if wish.get("version"):
            if version["spec"]["version"] == wish["version"]:
                return version
        elif labels_of(version).get(STAGE) == wish.get("stage"):
            return version
    return None


def absence(observed: Observed) -> str:
    """Why there is no version, and what would make one."""
    wish = observed.object["spec"]["model"]
    there = [str(v["spec"]["version"]) for v in versions(observed)]
    known = f"there are {', '.join(there[:_SHOWN])}" if there else "it has no version yet"
    if wish.get("version"):
        said = f"model {wish['name']} has no version {wish['version']}: {known}"
    else:
        said = f"no version of model {wish['name']} has stage {wish.get('stage')}: {known}"
    return f"{said}; {_cure(observed)}"


def _cure(observed: Observed) -> str:
    wish = observed.object["spec"]["model"]
    makers = sorted(
        ref.name
        for ref, obj in observed.related.items()
        if ref.kind == PIPELINE
        and obj is not None
        and (obj["spec"].get("publish") or {}).get("model") == wish["name"]
    )
    if makers:
        return f"the next successful run of NoSQLPipeline {' or '.join(makers)} publishes one"
    return f"a NoSQLPipeline with publish.model: {wish['name']} makes one"


def store_of(observed: Observed, version: Obj) -> Obj | None:
    """The DataStore that holds a version's artefact."""
    namespace = observed.object["metadata"].get("namespace", "default")
    name = version["spec"]["artifact"]["storeRef"]["name"]
    return observed.related.get(Ref(DATASTORE, namespace, name))


def unmet(observed: Observed, version: Obj) -> tuple[Reason, str] | None:
    """What a pod that serves `version` would miss; None when it can be started."""
    store = store_of(observed, version)
    if store is None:
        name = version["spec"]["artifact"]["storeRef"]["name"]
        said = f"DataStore {name}, which holds {version['metadata']['name']}, does not exist"
        return Reason.ReferenceMissing, said
    problem = missing_secret(store, observed)
    secret = auth_secret(observed.object)
    if problem is None and secret is not None:
        problem = missing_keys(observed, secret)
    return (Reason.SecretMissing, problem) if problem else None
