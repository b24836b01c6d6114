"""What a stage's pod needs to push progress: an address, a token of its own for it, and the CA to trust. Pure.

The pod's service account stays unmounted: this token is good for nothing but the progress endpoint. Called by
the builders of stage Jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from forebay.kube.port import Obj
from forebay.settings import Settings
from forebay_workloads.contract import PROGRESS_CA, PROGRESS_ENV, PROGRESS_TOKEN

AUDIENCE = "forebay-progress"
PATH = "/v1/progress"
CA_KEY = "progress-ca.crt"  # in the stage's ConfigMap
_VOLUME = "progress"
_HOUR = 3600  # seconds that a token is good for; the kubelet renews it before


@dataclass(frozen=True)
class Push:
    """Parts of a pod; empty where nothing is pushed: the embedded plane reads a file."""

    env: tuple[Obj, ...] = ()
    mounts: tuple[Obj, ...] = ()
    volumes: tuple[Obj, ...] = ()


def is_pushed(settings: Settings) -> bool:
    """Whether pods push progress at all."""
    return bool(settings.progress_url) and settings.plane != "embedded"


def documents(settings: Settings) -> dict[str, str]:
    """What the stage's ConfigMap holds for it."""
    return {CA_KEY: settings.progress_ca} if is_pushed(settings) and settings.progress_ca else {}


def push(config_map: str, settings: Settings) -> Push:
    """The parts for a pod whose document is in `config_map`."""
    if not is_pushed(settings):
        return Push()
    token = PurePosixPath(PROGRESS_TOKEN)
    claim = {"audience": AUDIENCE, "expirationSeconds": _HOUR, "path": token.name}
    sources: list[Obj] = [{"serviceAccountToken": claim}]
    if documents(settings):
        file = {"key": CA_KEY, "path": PurePosixPath(PROGRESS_CA).name}
        # optional: a document that was made before there was a CA must not keep the pod from its work
        sources.append({"configMap": {"name": config_map, "items": [file], "optional": True}})
    return Push(
        env=({"name": PROGRESS_ENV, "value": settings.progress_url.rstrip("/") + PATH},),
        mounts=({"name": _VOLUME, "mountPath": str(token.parent), "readOnly": True},),
        volumes=({"name": _VOLUME, "projected": {"sources": sources}},),
    )
