"""What a serving pod is told, and the ConfigMap that tells it. Called by the plan of a ModelDeployment.

The ConfigMap is immutable and named by its content: a changed document is another ConfigMap, so the pods
that mount it roll, and a pod that is started again reads what it read before.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.configmap import config_map
from forebay.manifests.labels import MODEL_VERSION
from forebay.manifests.names import child_name, label_value, short_hash
from forebay.manifests.stores import store_ref
from forebay.settings import Settings
from forebay_workloads.contract import SERVE_FILE, ServeDocument

KEYS_DIR = "/etc/forebay/keys"  # where the Secret of rest.auth is mounted, one file per key
_HASH = 8  # characters of the document's hash in its ConfigMap's name


def serving_name(owner: Obj, version: Obj) -> str:
    """The name of the Deployment that serves `version`: `<name>-v3`, or with the model where it is called otherwise."""
    name, spec = owner["metadata"]["name"], version["spec"]
    last = spec["version"] if spec["model"] == name else version["metadata"]["name"]
    return child_name(name, last)


def serve_document(owner: Obj, version: Obj, store: Obj, settings: Settings) -> ServeDocument:
    """All that a pod serving `version` for the ModelDeployment `owner` needs; `store` holds the artefact."""
    spec = version["spec"]
    return ServeDocument(
        deployment=owner["metadata"]["name"],
        model=spec["model"],
        model_version=version["metadata"]["name"],
        store=store_ref(store, settings),
        key=spec["artifact"]["key"],
        digest=spec["digest"],
        recipe=spec.get("recipe") or "",
        rest=_rest(owner),
    )


def _rest(owner: Obj) -> dict[str, Any]:
    """The spec's `rest` block; of the Secret with the keys the pod learns the folder, not the name."""
    rest = dict(owner["spec"].get("rest") or {})
    for outside in ("port", "gateway"):  # a change of how they are reached must not roll the pods
        rest.pop(outside, None)
    if auth_secret(owner):
        rest["auth"] = {"keys": KEYS_DIR}
    return rest


def auth_secret(owner: Obj) -> str | None:
    """Name of the Secret with the keys that callers must show; None when everybody may call."""
    auth = (owner["spec"].get("rest") or {}).get("auth") or {}
    name = (auth.get("secretRef") or {}).get("name")
    return str(name) if name else None


def serve_config_map(owner: Obj, version: Obj, document: ServeDocument, settings: Settings) -> Obj:
    """The ConfigMap that holds `document`."""
    text = document.to_json()
    name = child_name(serving_name(owner, version), short_hash(text, length=_HASH))
    labels = {MODEL_VERSION: label_value(version["metadata"]["name"])}
    return config_map(owner, name, {PurePosixPath(SERVE_FILE).name: text}, settings, labels=labels)
