"""A pipeline's ingest of a stream: its Deployment, how it stands, and status.ingest. Pure.

Called by pipeline.py. Everything the process says comes as progress; what it cannot say, because it does not run, is
read from its pod.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import DATASTORE, Obj, Ref
from forebay.manifests.deployment import SECRET_VERSIONS
from forebay.manifests.ingest_deployment import (
    STREAM,
    feed,
    ingest_config_map,
    ingest_deployment,
    is_stream,
)
from forebay.manifests.labels import FEED, OWNER_NAME, STAGE_NAME, is_child_of, labels_of
from forebay.manifests.names import short_hash
from forebay.manifests.stage_document import store_names
from forebay.plan import podstate, refusal
from forebay.plan.capable import lacking
from forebay.plan.conditions import condition
from forebay.plan.secrets import missing_secret, secret_versions
from forebay.plan.times import seconds_since, stamp
from forebay.plan.types import Observed
from forebay.settings import Settings
from forebay_workloads.contract import Progress, consumer_group

INGESTING = "Ingesting"
LETTERS_TOLD = 600.0  # seconds that the last dead letter is spoken of
BEHIND = 60.0  # seconds of work: a lag above that, and no smaller than before, is a sink that lags
_RUN_STAGES = ("preprocess", "train")


@dataclass(frozen=True)
class Streaming:
    """What to do about the stream, and how it stands. `running` None: nobody knows yet."""

    apply: tuple[Obj, ...] = ()
    delete: tuple[Ref, ...] = ()
    ingest: Mapping[str, Any] | None = None
    running: bool | None = False
    reason: str = Reason.Pending
    message: str = ""


def makes_runs(pipeline: Obj) -> bool:
    """Whether there is anything for a run to do beside an ingest that never ends."""
    return not is_stream(pipeline) or any(pipeline["spec"].get(name) for name in _RUN_STAGES)


def streaming(observed: Observed, settings: Settings) -> Streaming | None:
    """None for a pipeline that ingests no stream and has nothing left of one."""
    pipeline = observed.object
    mine = [
        c
        for c in observed.children
        if is_child_of(c, pipeline) and labels_of(c).get(STAGE_NAME) == STREAM
    ]
    made = [child for child in mine if child["kind"] in ("Deployment", "ConfigMap")]
    if not is_stream(pipeline):
        return Streaming(delete=tuple(map(Ref.of, made))) if made else None
    stores, missing = _stores(observed)
    if missing:
        return Streaming(
            reason=Reason.ReferenceMissing, message=f"DataStore {missing} does not exist"
        )
    deployment = next((c for c in made if c["kind"] == "Deployment"), None)
    if rival := _rival(observed, deployment):
        return Streaming(delete=tuple(map(Ref.of, made)), reason=Reason.NameConflict, message=rival)
    if lack := lacking(pipeline["spec"], stores):
        return Streaming(
            delete=tuple(map(Ref.of, made)), reason=Reason.FieldNotSupportedInMode, message=lack
        )
    versions = _versions(observed, stores.values(), deployment)
    apply = _children(observed, stores, versions, settings)
    kept = {apply[0]["metadata"]["name"], *(_mounted(deployment) if deployment else ())}
    delete = [c for c in made if c["kind"] == "ConfigMap" and c["metadata"]["name"] not in kept]
    ingest = _ingest(observed)
    running, reason, message = _state(observed, mine, deployment, ingest)
    return Streaming(apply, tuple(map(Ref.of, delete)), ingest, running, reason, message)


def _rival(observed: Observed, mine: Obj | None) -> str | None:
    """What is wrong where another pipeline reads the topic in this group already; the first one stays."""
    pipeline = observed.object
    if pipeline["spec"].get("suspend"):
        return None
    wanted = feed(pipeline)
    running = [
        one
        for one in (*observed.related.values(), mine)
        if one is not None
        and labels_of(one).get(FEED) == wanted
        and one["spec"].get("replicas")
        and not one["metadata"].get("deletionTimestamp")
    ]
    first = min(running, key=_age, default=None)
    if first is None or is_child_of(first, pipeline):
        return None
    source = pipeline["spec"]["ingest"]["from"]
    meta = pipeline["metadata"]
    group = consumer_group(source, meta.get("namespace", "default"), meta["name"])
    return (
        f"NoSQLPipeline {labels_of(first)[OWNER_NAME]} reads topic {source['topic']} in group {group} already: "
        "each would get a part of the records. Give ingest.from.group another name, or suspend one of them"
    )


def _age(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("creationTimestamp", ""), obj["metadata"].get("uid", "")


def _stores(observed: Observed) -> tuple[dict[str, Obj], str | None]:
    """The DataStores of the ingest, and the first that is missing."""
    namespace = observed.object["metadata"].get("namespace", "default")
    found: dict[str, Obj] = {}
    for name in store_names(observed.object["spec"]["ingest"]):
        store = observed.related.get(Ref(DATASTORE, namespace, name))
        if store is None:
            return found, name
        found[name] = store
    return found, None


def _versions(observed: Observed, stores: Collection[Obj], deployment: Obj | None) -> str:
    """What rolls the pods when a Secret is rotated; one that is gone for a moment leaves them as they are."""
    if deployment and any(missing_secret(store, observed) for store in stores):
        template = deployment["spec"]["template"]["metadata"]
        return str((template.get("annotations") or {}).get(SECRET_VERSIONS, ""))
    versions = [secret_versions(store, observed) for store in stores]
    return short_hash(*versions, length=8) if any(versions) else ""


def _children(
    observed: Observed, stores: Mapping[str, Obj], versions: str, settings: Settings
) -> tuple[Obj, Obj]:
    pipeline = observed.object
    config = ingest_config_map(pipeline, stores, settings)
    deployment = ingest_deployment(
        pipeline,
        stores.values(),
        config["metadata"]["name"],
        settings,
        replicas=0 if pipeline["spec"].get("suspend") else 1,
        secret_versions=versions,
    )
    return config, deployment


def _mounted(deployment: Obj) -> set[str]:
    """ConfigMaps that its pod may still be started with."""
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or []
    return {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}


def _ingest(observed: Observed) -> dict[str, Any] | None:
    """status.ingest: the newest numbers, or those of before while nothing is heard."""
    before: Mapping[str, Any] = (observed.object.get("status") or {}).get("ingest") or {}
    said = observed.progress
    if said is None:
        return dict(before) or None
    metrics = said.metrics
    dead = int(metrics.get("dead_lettered", 0))
    letter = before.get("lastDeadLetterTime")
    if dead > int(before.get("deadLettered", 0)) or (dead and not letter):
        letter = stamp(observed.now)
    known = {
        "rows": said.rows,
        "rowsPerSecond": _whole(said.rows_per_second),
        "lag": _whole(metrics.get("lag")),
        "deadLettered": dead,
        "heldPartitions": _whole(metrics.get("held_partitions")),
        "lastCommitTime": _moment(metrics.get("last_commit")) or before.get("lastCommitTime"),
        "lastDeadLetterTime": letter,
        "lastUpdate": stamp(observed.now),
    }
    return {name: value for name, value in known.items() if value is not None}


def _whole(value: float | None) -> int | None:
    return None if value is None else max(0, round(value))


def _moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as the API writes times; None for what no calendar knows."""
    if seconds is None:
        return None
    try:
        return stamp(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _state(
    observed: Observed,
    mine: list[Obj],
    deployment: Obj | None,
    ingest: Mapping[str, Any] | None,
) -> tuple[bool | None, str, str]:
    """Whether it ingests, why, and a sentence."""
    if observed.object["spec"].get("suspend"):
        return False, Reason.Suspended, "the stream is paused by spec.suspend; its position is kept"
    pods = [c for c in mine if c["kind"] == "Pod" and not c["metadata"].get("deletionTimestamp")]
    for pod in podstate.newest(pods)[:1]:
        if podstate.phase(pod) == "Running" and _runs(pod):
            return _heard(observed, ingest or {})
        if fault := _fault(observed, pod):
            return False, *fault
    for entry in ((deployment or {}).get("status") or {}).get("conditions") or []:
        if entry.get("type") == "ReplicaFailure" and entry.get("status") == "True":
            return False, *refusal.because(entry.get("message", ""))
    return False, Reason.Pending, "its pod is about to start"


def _runs(pod: Obj) -> bool:
    entries = (pod.get("status") or {}).get("containerStatuses") or []
    return all("running" in (entry.get("state") or {}) for entry in entries)


def _fault(observed: Observed, pod: Obj) -> tuple[str, str] | None:
    """What keeps the pod from running."""
    over = podstate.ended(pod, observed.log_tail)
    if over is not None and over.reason:
        return over.reason, over.message
    notices = observed.notices.get(pod["metadata"].get("uid", ""), ())
    return podstate.waiting(pod) or refusal.of_pod(notices)


def _heard(observed: Observed, ingest: Mapping[str, Any]) -> tuple[bool | None, str, str]:
    """How the running process says it stands."""
    said = observed.progress
    if said is None:  # of an operator that has just begun, too: then it stands as it stood
        before = condition(observed.object, INGESTING)
        if before.get("status") == "True":
            return True, before["reason"], before.get("message", "")
        return None, Reason.Progressing, "its process runs and has said nothing yet"
    if said.reason:
        return False, _word(said), said.message or ""
    numbers = _numbers(ingest)
    note = f"{numbers}; {said.message}" if said.message else numbers
    if _lags(observed, ingest):
        return True, Reason.SinkLagging, note
    letter = ingest.get("lastDeadLetterTime")
    if letter and seconds_since(letter, observed.now) < LETTERS_TOLD:
        return True, Reason.DeadLettering, note
    return True, Reason.Running, note


def _word(said: Progress) -> Reason:
    """A reason of ours; a record that can be put nowhere is told with the record's own word."""
    return Reason.__members__.get(said.reason or "", Reason.DeadLettering)


def _lags(observed: Observed, ingest: Mapping[str, Any]) -> bool:
    before = ((observed.object.get("status") or {}).get("ingest") or {}).get("lag")
    lag, rate = ingest.get("lag") or 0, ingest.get("rowsPerSecond") or 0
    return before is not None and lag >= before and lag > max(1000.0, BEHIND * rate)


def _numbers(ingest: Mapping[str, Any]) -> str:
    """Steady words: a condition is no counter."""
    letters = ingest.get("deadLettered") or 0
    return "records become rows" + (", some have dead letters" if letters else "")
