"""Which version gets the traffic and which versions run: the policy of replacing one by another.

Called by the plan of a ModelDeployment; decides from children and the last status, the same way whichever
version is newer, so going back is a rollout like any other.

Rolling  the new version runs beside the old; the Service changes over when all its replicas answered.
Canary   has no steps yet: as Rolling.
Recreate the old version goes first; for devices that are too scarce for two.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.manifests.deployment import is_recreate
from forebay.manifests.labels import MODEL_VERSION, labels_of
from forebay.plan.served import FOR_GOOD, Fault, Served, look
from forebay.plan.types import Observed


@dataclass(frozen=True)
class Rollout:
    """What is to be: versions by the names of their ModelVersions."""

    wished: str
    traffic: str  # the Service leads here
    run: tuple[str, ...]  # whose Deployments are there
    complete: bool  # the wished version gets all traffic and all its replicas answer
    proven: bool  # the version with the traffic has served before
    reason: str
    message: str
    stalled: bool = False


def stable_version(observed: Observed) -> str | None:
    """The version that serves now: where the Service leads, once that has worked. None before the first."""
    shown = ((observed.object.get("status") or {}).get("stable") or {}).get("version")
    service = next((c for c in observed.children if c["kind"] == "Service"), None)
    if service is None:
        return str(shown) if shown and look(observed, shown).deployment else None
    leads_to = (service["spec"].get("selector") or {}).get(MODEL_VERSION)
    if leads_to and (leads_to == shown or look(observed, leads_to).ready):
        return str(leads_to)
    return None


def others(observed: Observed, keep: tuple[str, ...]) -> list[Obj]:
    """Deployments and pods of versions that are not in `keep`."""
    return [
        child
        for child in observed.children
        if child["kind"] in ("Deployment", "Pod")
        and labels_of(child).get(MODEL_VERSION) not in keep
    ]


def decide(observed: Observed, wished: str, replicas: int) -> Rollout:
    """The next step towards `wished` with `replicas` pods."""
    stable = stable_version(observed)
    coming = look(observed, wished)
    if is_recreate(observed.object) and others(observed, (wished,)):
        text = f"the old version stops before {wished} starts"
        run = (wished,) if coming.deployment else ()
        return Rollout(wished, wished, run, False, False, Reason.Progressing, text)
    if coming.settled(replicas):
        text = f"{wished} serves with {max(coming.ready, replicas)} of {max(coming.wanted, replicas)} replicas"
        return Rollout(wished, wished, (wished,), True, True, Reason.RolloutComplete, text)
    if stable is None or stable == wished or is_recreate(observed.object):
        return _alone(coming, replicas, proven=stable == wished)
    return _beside(coming, look(observed, stable), replicas)


def _alone(coming: Served, replicas: int, *, proven: bool) -> Rollout:
    """No other version serves: the first one, or one whose own pods are being replaced or scaled."""
    fault = coming.fault() if not proven else _present(coming)
    reason, text = _words(coming, fault, replicas)
    stalled = _hopeless(fault) if proven else coming.past_deadline() or bool(fault and fault.final)
    return Rollout(
        coming.version, coming.version, (coming.version,), False, proven, reason, text, stalled
    )


def _hopeless(fault: Fault | None) -> bool:
    """A version that has served may crash and come back; one whose bytes were changed since may not."""
    return fault is not None and fault.reason in FOR_GOOD


def _present(served: Served) -> Fault | None:
    """A version that has served is never late, only ill."""
    fault = served.fault()
    return None if fault and fault.final and fault.reason == Reason.ProbeFailed else fault


def _beside(coming: Served, stable: Served, replicas: int) -> Rollout:
    """The old version keeps all traffic until the new one answers."""
    fault = coming.fault()
    reason, text = _words(coming, fault, replicas)
    text = f"{text}; {stable.version} keeps all traffic"
    late = coming.past_deadline()
    return Rollout(
        wished=coming.version,
        traffic=stable.version,
        run=(stable.version, coming.version),
        complete=False,
        proven=True,
        reason=reason,
        message=text,
        stalled=late or bool(fault and fault.final),
    )


def _words(coming: Served, fault: Fault | None, replicas: int) -> tuple[str, str]:
    if fault is not None:
        return fault.reason, f"{coming.version}: {fault.message}"
    return Reason.Progressing, f"{coming.version} has {coming.ready} of {replicas} replicas ready"
