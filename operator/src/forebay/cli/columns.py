"""The print columns of a kind: the CRD's own for Forebay's kinds, Kubernetes' usual ones for the others.

Called by `get.py`. So a table here shows what `kubectl get` shows in a cluster, cell by cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from forebay.cli import age, jsonpath
from forebay.kube.port import CONFIG_MAP, JOB, K8S_DEPLOYMENT, OWN_KINDS, POD, SERVICE, Kind, Obj


@dataclass(frozen=True)
class Column:
    """One column: its header, where the value is, and whether only -o wide shows it."""

    name: str
    path: str
    type: str = "string"  # string | integer | number | boolean | date
    wide: bool = False

    def text(self, obj: Obj, now: datetime) -> str:
        """The cell of an object; "" when it has no such field."""
        value = jsonpath.find(self.path, obj)
        if value is None:
            return ""
        if self.type == "date":
            return age.age(str(value), now)
        return str(value).lower() if isinstance(value, bool) else str(value)


_AGE = Column("AGE", ".metadata.creationTimestamp", "date")
_OWNER = Column("OWNER", ".metadata.labels['forebay.dev/owner-name']")
_CORE: Mapping[Kind, Sequence[Column]] = {
    POD: (
        Column("STATUS", ".status.phase"),
        Column("READY", '.status.conditions[?(@.type=="Ready")].status'),
        _OWNER,
    ),
    JOB: (
        Column("SUCCEEDED", ".status.succeeded"),
        Column("FAILED", ".status.failed"),
        _OWNER,
    ),
    SERVICE: (Column("PORT", ".spec.ports[0].port"), _OWNER),
    K8S_DEPLOYMENT: (
        Column("READY", ".status.readyReplicas"),
        Column("REPLICAS", ".spec.replicas"),
        _OWNER,
    ),
    CONFIG_MAP: (_OWNER,),
}


def of(kind: Kind, *, wide: bool = False) -> list[Column]:
    """The columns of a kind after NAME; those of priority 1 only when `wide`."""
    from forebay.api.kinds import KINDS  # noqa: PLC0415 - slow to import; help and completion go without

    if kind not in OWN_KINDS:
        return [*_CORE.get(kind, ()), _AGE]
    found = [Column(c.name, c.path, c.type, bool(c.priority)) for c in KINDS[kind.kind].columns]
    return [column for column in found if wide or not column.wide]
