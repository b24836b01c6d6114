"""Settings of the control plane: what the same reconciler is told about where it runs. Built once at start-up."""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay_workloads.contract import StoreRef


@dataclass(frozen=True)
class Settings:
    """Each with its unit and default; plans and manifests read these and nothing of the environment."""

    plane: str = (
        "cluster"  # "cluster" or "embedded": only for fields that one of them cannot honour
    )
    train_image: str = "ghcr.io/forebay/train:0.1.0"  # every stage but serving
    serve_image: str = "ghcr.io/forebay/serve:0.1.0"
    state_dir: str = (
        "/var/lib/forebay"  # where `embedded: {}` stores live: a folder here, a claim's mount there
    )
    workspace: StoreRef | None = (
        None  # hand-over between stages; None: the pipeline's own publish store
    )
    probe_interval: float = 300.0  # seconds between probes of a reachable DataStore
    status_interval: float = 5.0  # seconds between status writes that only carry progress
    retry_base: float = 1.0  # seconds; back-off of a failing reconcile, doubled to retry_cap
    retry_cap: float = 60.0
    log_tail: int = 20  # last lines of a failed pod that go into the run's message
    service_port: int = 80  # port of a ModelDeployment's Service; the embedded plane asks for 3000
    workers: int = 8  # keys reconciled at the same time
    pull_policy: str = ""  # imagePullPolicy of every pod; "": the cluster's own rule
    pull_secrets: tuple[str, ...] = ()  # imagePullSecrets of every pod, in the object's namespace
    claim: str = "forebay-data"  # claim of relative files and embedded stores that name none
    claim_size: str = "10Gi"  # of a claim that is not there yet
    storage_class: str = ""  # of such a claim; "": the cluster's default
    progress_url: str = ""  # where pods of a cluster push progress to; "": nowhere
    progress_ca: str = ""  # PEM of the CA that signed that endpoint's certificate
    gpu_runtime_class: str = (
        ""  # RuntimeClass of pods with an accelerator; "": the cluster's default
    )
    gpu_shared_resource: str = "nvidia.com/gpu"  # of shared devices; renameByDefault adds .shared
    labels: dict[str, str] = field(default_factory=dict)  # added to every child
