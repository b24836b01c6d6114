"""The operator's settings, from the environment of its pod. Read once, at start-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebay.settings import Settings

METRICS_PORT, HEALTH_PORT, PROGRESS_PORT = 8080, 8081, 8443


@dataclass(frozen=True)
class Environment:
    """What the chart may set, each with its default in Settings."""

    settings: Settings
    metrics_port: int = METRICS_PORT  # 0: no metrics
    health_port: int = 0  # 0: no answers to a kubelet; its own default holds in a pod only
    progress_port: int = PROGRESS_PORT  # used when settings.progress_url is set
    namespace: str = ""  # of the operator's pod; "" where it is none
    name: str = "forebay"  # what its own objects are called after

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Environment:
        """Raises ValueError for a number that is none; unknown variables are not ours."""
        default = Settings()
        settings = Settings(
            plane="cluster",
            train_image=environ.get("FOREBAY_TRAIN_IMAGE", default.train_image),
            serve_image=environ.get("FOREBAY_SERVE_IMAGE", default.serve_image),
            state_dir=environ.get("FOREBAY_STATE_DIR", default.state_dir),
            workers=_number(environ, "FOREBAY_WORKERS", default.workers),
            pull_policy=environ.get("FOREBAY_PULL_POLICY", default.pull_policy),
            pull_secrets=tuple(environ.get("FOREBAY_PULL_SECRETS", "").split()),
            claim=environ.get("FOREBAY_CLAIM", default.claim),
            claim_size=environ.get("FOREBAY_CLAIM_SIZE", default.claim_size),
            storage_class=environ.get("FOREBAY_STORAGE_CLASS", default.storage_class),
            progress_url=environ.get("FOREBAY_PROGRESS_URL", default.progress_url),
            gpu_runtime_class=environ.get("FOREBAY_GPU_RUNTIME_CLASS", default.gpu_runtime_class),
            gpu_shared_resource=environ.get(
                "FOREBAY_GPU_SHARED_RESOURCE", default.gpu_shared_resource
            ),
            probe_interval=_number(environ, "FOREBAY_PROBE_SECONDS", int(default.probe_interval)),
        )
        namespace = environ.get("FOREBAY_NAMESPACE", "")
        health_port = HEALTH_PORT if namespace else 0
        return cls(
            settings,
            metrics_port=_number(environ, "FOREBAY_METRICS_PORT", METRICS_PORT),
            health_port=_number(environ, "FOREBAY_HEALTH_PORT", health_port),
            progress_port=_number(environ, "FOREBAY_PROGRESS_PORT", PROGRESS_PORT),
            namespace=namespace,
            name=environ.get("FOREBAY_NAME") or cls.name,
        )


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if text and not text.isdecimal():
        raise ValueError(f"{name} is {text!r}, not a whole number")
    return int(text) if text else default
