"""What every plan takes and gives. Pure data: built by reconcile/gather.py, carried out by reconcile/execute.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from forebay.kube.port import Obj, Ref
from forebay_workloads.contract import Progress


@dataclass(frozen=True)
class Observed:
    """Everything a decision may look at, read before it is made.

    `children` carry the label forebay.dev/owner-uid of `object` (ConfigMaps, Jobs, Pods, Deployments,
    Services, runs). `related` are referenced objects (DataStores, ModelVersions, Secrets without data, …);
    a missing reference is there as None. `log_tail` holds the last lines of a failed pod's log by pod name;
    `notices` the cluster's events, oldest first, by the uid of a child that is stuck without saying why.
    """

    object: Obj
    now: datetime  # UTC; plans have no clock of their own
    children: tuple[Obj, ...] = ()
    related: Mapping[Ref, Obj | None] = field(default_factory=dict)
    progress: Progress | None = None
    log_tail: Mapping[str, str] = field(default_factory=dict)
    notices: Mapping[str, tuple[Obj, ...]] = field(default_factory=dict)
    apis: frozenset[str] = frozenset()  # optional APIs that are installed: "group/version/Kind"


@dataclass(frozen=True)
class Event:
    """An Event to record once the status is written."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do, in this order: hand over, create, apply, delete, write status, record events, come back.

    `hand_over` are parts of existing objects: their fields go to a manager that nobody speaks for, so that
    `apply` may leave them out without resetting them and somebody else may set them. `create` is for names
    that must not be shared (runs, model versions): when the name is taken the whole pass is repeated from a
    fresh gather. `status` None leaves the status alone.
    """

    create: tuple[Obj, ...] = ()
    apply: tuple[Obj, ...] = ()
    delete: tuple[Ref, ...] = ()
    status: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None  # seconds
    hand_over: tuple[Obj, ...] = ()
