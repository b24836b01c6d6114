"""The contract between control plane and data plane: stage document, exit codes, progress and result.

Imported by both planes, so it is standard library only and does no I/O on import. The control plane
writes a stage document and reads a result; a stage does the reverse. Neither side may grow a second
channel: whatever a stage has to say leaves through `Result` or `Progress`.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

VERSION = 1

Stage = Literal[
    "probe", "ingest", "preprocess", "train", "evaluate", "publish", "predict", "report", "stream"
]
STAGES: tuple[Stage, ...] = ("ingest", "preprocess", "train", "evaluate", "publish", "predict")
"""The stages of a run that are Jobs, in order. `deploy` follows them and is the reconciler's own; then
comes `report`, a Job again, also for a failed run. `probe` belongs to a DataStore, not to a run, and `stream`,
the ingest that never ends, to a pipeline."""

Pin = Literal["Pinned", "Horizon", "None"]  # how strongly a read of a store can be repeated
Capability = Literal["blobs", "documents", "tables", "ttl"]  # what a probe says that a store can

# Exit codes (sysexits.h where it has a name). podFailurePolicy is rendered from this table.
EXIT_OK = 0
EXIT_DATA = 65  # EX_DATAERR: the data is bad; a retry reads the same data
EXIT_RETRY = 75  # EX_TEMPFAIL: a dependency is down; worth a retry
EXIT_CONFIG = 78  # EX_CONFIG: the spec is wrong; a retry reads the same spec
EXIT_PEER = 76  # EX_PROTOCOL: another pod of the same training was lost; nobody's failure here
EXIT_PREEMPTED = 143  # SIGTERM: the work was saved and may go on elsewhere
EXIT_FINAL = (EXIT_DATA, EXIT_CONFIG)

# Where things are mounted in a pod. Every path below goes through `mounted()`.
STAGE_FILE = "/etc/forebay/stage/stage.json"
SECRETS_DIR = "/etc/forebay/secrets"  # one folder per DataStore: <name>/username, <name>/password …
SERVE_FILE = "/etc/forebay/serve/serve.json"
RESULT_FILE = (
    "/dev/termination-log"  # Kubernetes shows its first 4,096 bytes as the termination message
)
RESULT_LIMIT = 4096  # bytes
ROOT_ENV = "FOREBAY_ROOT"
REQUESTS_IN_PROGRESS = "forebay_requests_in_progress"  # gauge of a serving pod; autoscalers read it
PROGRESS_ENV = (
    "FOREBAY_PROGRESS"  # a file path to append JSON lines to, or an http(s) URL to post them to
)
PROGRESS_TOKEN = "/etc/forebay/progress/token"  # noqa: S105 - sent with a post, where it is there
PROGRESS_CA = "/etc/forebay/progress/ca.crt"  # the CA to trust for a post, where it is there
ACCELERATOR_ENV = "FOREBAY_ACCELERATOR"  # vendor of the device that the pod asked for and must find

# Training in several pods, by the names that torchrun gives its workers: code written for it finds itself here.
RANK_ENV = "RANK"  # 0 … WORLD_SIZE - 1; the pod of rank 0 reports and writes
WORLD_ENV = "WORLD_SIZE"
ADDRESS_ENV = "MASTER_ADDR"  # where rank 0 waits for the others
PORT_ENV = "MASTER_PORT"


def mounted(path: str) -> Path:
    """The real place of a path that a pod template mounts.

    In a container that is the path itself. The embedded plane starts pods as plain processes and
    names the folder that stands for the container's root in ``FOREBAY_ROOT``.
    """
    root = os.environ.get(ROOT_ENV)
    return Path(root, path.lstrip("/")) if root else Path(path)


def port(name: str, default: int) -> int:
    """The port to listen on for the container port `name`.

    Pods have addresses of their own; processes of the embedded plane share one, so it hands out ports in
    ``FOREBAY_PORT_<NAME>``.
    """
    return int(os.environ.get(f"FOREBAY_PORT_{name.upper()}", default))


@dataclass(frozen=True)
class StoreRef:
    """A DataStore as a stage sees it: what it is and where its credentials are mounted."""

    name: str
    type: str  # embedded | files | cassandra | …
    settings: Mapping[str, Any] = field(default_factory=dict)  # the DataStore's block of that type
    limits: Mapping[str, Any] = field(default_factory=dict)  # rowsPerSecond, maxConcurrency
    secrets: str | None = None  # folder with one file per key of the Secret, below SECRETS_DIR


@dataclass(frozen=True)
class RunRef:
    """The PipelineRun that a stage belongs to."""

    name: str
    uid: str
    namespace: str
    pipeline: str
    trigger: str = "spec"
    owner: str = ""  # uid of the pipeline
    created: str = ""  # RFC 3339, UTC


def consumer_group(source: Mapping[str, Any], namespace: str, pipeline: str) -> str:
    """The group in which an ingest reads its topic: `source` is `ingest.from`."""
    return source.get("group") or f"{namespace}.{pipeline}"


def run_prefix(uid: str) -> str:
    """Where a run's blobs live in a workspace store: a key prefix, never shared by two runs."""
    return f"runs/{uid}"


@dataclass(frozen=True)
class StageDocument:
    """All that a stage is told. `spec` is the run's immutable copy of the pipeline's spec."""

    stage: Stage
    run: RunRef
    spec: Mapping[str, Any]
    stores: Mapping[str, StoreRef]
    workspace: (
        str  # name of the store (a key of `stores`) that holds hand-over data and checkpoints
    )
    model_version: str | None = None  # predict: the name of the ModelVersion just published
    artifact: Mapping[str, str] | None = None  # predict: {"store", "key", "digest"}
    baseline: Mapping[str, Any] | None = (
        None  # evaluate: {"version", "store", "key", "digest"} of Production
    )
    status: Mapping[str, Any] | None = None  # report: the run's status so far
    living: Sequence[str] | None = None  # report: uids of the pipeline's runs that are there
    version: int = VERSION

    def to_json(self) -> str:
        """Canonical text: equal documents are equal bytes, so a hash of it names the ConfigMap."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> StageDocument:
        """Reads what `to_json` wrote; raises ValueError for another version of the contract."""
        raw = json.loads(text)
        if raw.get("version") != VERSION:
            raise ValueError(
                f"stage document version {raw.get('version')!r}, this image reads {VERSION}"
            )
        raw["run"] = RunRef(**raw["run"])
        raw["stores"] = {name: StoreRef(**ref) for name, ref in raw["stores"].items()}
        return cls(**raw)

    @property
    def prefix(self) -> str:
        """Where this run's blobs live in the workspace store."""
        return run_prefix(self.run.uid)


@dataclass(frozen=True)
class ServeDocument:
    """All that a serving pod is told; mounted at SERVE_FILE."""

    deployment: str  # the ModelDeployment's name: {name} in /v2/models/{name}
    model: str
    model_version: str  # the ModelVersion's name, stamped into every answer
    store: StoreRef  # where the artefact lies
    key: str  # the artefact's blob key prefix
    digest: str  # "sha256:…": a pod that loads anything else must not become ready
    recipe: str
    rest: Mapping[str, Any] = field(default_factory=dict)  # the spec's `rest` block
    version: int = VERSION

    def to_json(self) -> str:
        """Canonical text, as for the stage document."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ServeDocument:
        """Reads what `to_json` wrote; raises ValueError for another version of the contract."""
        raw = json.loads(text)
        if raw.get("version") != VERSION:
            raise ValueError(
                f"serve document version {raw.get('version')!r}, this image reads {VERSION}"
            )
        raw["store"] = StoreRef(**raw["store"])
        return cls(**raw)


@dataclass(frozen=True)
class Progress:
    """How far a stage is; names follow KEP-2779. `metrics` holds the newest value of each."""

    step: str
    percent: float | None = None  # 0 … 100
    eta_seconds: float | None = None
    rows: int | None = None
    total_rows: int | None = None
    rows_per_second: float | None = None
    epoch: int | None = None
    epochs: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None  # what it waits for; one of the API's reason words
    message: str | None = None  # more about that, or a remark on what is done

    def to_json(self) -> str:
        """One line."""
        return json.dumps({k: v for k, v in asdict(self).items() if v not in (None, {})})

    @classmethod
    def from_json(cls, line: str) -> Progress:
        """Reads one line; unknown keys are ignored so that a newer stage may say more. ValueError for no object."""
        raw = _object(json.loads(line), "a line of progress")
        known = {k: v for k, v in raw.items() if k in cls.__dataclass_fields__}
        if not isinstance(known.get("step"), str):
            raise ValueError("a line of progress names no step")  # noqa: TRY004 - as below
        return cls(**known)


@dataclass(frozen=True)
class Result:
    """What a stage leaves behind: its termination message.

    A failed stage sets `reason` (a word of the API's reason list) and `message`. `detail` is the stage's
    own: `digest`, `key`, `signature`, `snapshot` from publish; `version` and `metrics` of the
    baseline from evaluate; `serverVersion` from probe.
    """

    rows: Mapping[str, int] = field(default_factory=dict)  # {"read": …, "written": …, "train": …}
    metrics: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    message: str | None = None

    def encode(self) -> str:
        """At most RESULT_LIMIT bytes of text: plain JSON, or compressed when it is longer than that."""
        text = json.dumps(
            {k: v for k, v in asdict(self).items() if v not in (None, {})}, sort_keys=True
        )
        if len(text.encode()) <= RESULT_LIMIT:
            return text
        packed = "z:" + base64.b85encode(zlib.compress(text.encode(), 9)).decode()
        if len(packed) > RESULT_LIMIT:
            raise ValueError(
                f"a stage's result has {len(packed)} bytes, at most {RESULT_LIMIT} fit"
            )
        return packed

    @classmethod
    def decode(cls, text: str) -> Result:
        """Reads what `encode` wrote; raises ValueError when it is neither form."""
        if text.startswith("z:"):
            try:
                text = zlib.decompress(base64.b85decode(text[2:])).decode()
            except (ValueError, zlib.error) as error:
                raise ValueError(f"not a stage result: {error}") from error
        raw = _object(json.loads(text), "a stage result")
        for name in ("rows", "metrics", "detail"):
            _object(raw.get(name, {}), f"{name} of a stage result")
        return cls(**{k: v for k, v in raw.items() if k in cls.__dataclass_fields__})


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - the readers' one error for bad text
            f"not {what}: {type(value).__name__} instead of an object"
        )
    return value
