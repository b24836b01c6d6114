"""What is known of a run, by name: its policy, its stages' Jobs and pods, its stores, its model's versions.

Read-only answers over `Observed`, shared by the steps that plan a run. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from forebay.kube.port import (
    DATASTORE,
    DEPLOYMENT,
    JOB,
    JOB_SET,
    MODEL_VERSION,
    PIPELINE,
    RUN,
    Kind,
    Obj,
    Ref,
)
from forebay.manifests.job import job_name
from forebay.manifests.labels import PRODUCTION, RUN_UID, STAGE, STAGE_NAME, is_child_of, labels_of
from forebay.manifests.modelversion import version_number
from forebay.manifests.stage_document import store_names
from forebay.plan.types import Observed
from forebay.settings import Settings

ACTIVE_DEADLINE, PENDING_DEADLINE = 86400, 1800  # seconds; as the API defaults them
BACKOFF_LIMIT = 2
REPORT_DEADLINE = 600  # seconds: a report is never what a run waits for


@dataclass(frozen=True)
class RunView:
    """One run as it was observed."""

    observed: Observed
    settings: Settings

    @property
    def run(self) -> Obj:
        """The PipelineRun."""
        return self.observed.object

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The pipeline's spec as it was when the run was made."""
        template: Mapping[str, Any] = self.run["spec"].get("template") or {}
        return template

    @property
    def status(self) -> Mapping[str, Any]:
        """The run's status as it was written last."""
        return self.run.get("status") or {}

    @property
    def namespace(self) -> str:
        """The run's namespace."""
        return str(self.run["metadata"].get("namespace", "default"))

    def policy(self, name: str, default: int) -> int:
        """A number of spec.runPolicy."""
        return int((self.spec.get("runPolicy") or {}).get(name, default))

    def related(self, kind: Kind, name: str) -> Obj | None:
        """A referenced object of the run's namespace."""
        return self.observed.related.get(Ref(kind, self.namespace, name))

    @property
    def pipeline(self) -> Obj | None:
        """The pipeline that the run was made for, if it is still there."""
        return self.related(PIPELINE, self.run["spec"]["pipelineRef"]["name"])

    @property
    def living(self) -> list[str]:
        """Uids of the runs of its pipeline, itself among them."""
        return sorted(
            str(obj["metadata"]["uid"])
            for ref, obj in self.observed.related.items()
            if ref.kind == RUN and obj is not None
        )

    def child(self, kind: Kind, name: str) -> Obj | None:
        """A child of exactly this run."""
        for obj in self.observed.children:
            same = obj["kind"] == kind.kind and obj["metadata"]["name"] == name
            if same and is_child_of(obj, self.run):
                return obj
        found = self.related(kind, name)
        return found if found is not None and is_child_of(found, self.run) else None

    def job(self, stage: str) -> Obj | None:
        """The Job of a stage; the JobSet around it where there is one."""
        name = job_name(self.run, stage)
        return self.child(JOB, name) or self.child(JOB_SET, name)

    def pods(self, stage: str) -> list[Obj]:
        """The pods of a stage."""
        return [
            obj
            for obj in self.observed.children
            if obj["kind"] == "Pod" and labels_of(obj).get(STAGE_NAME) == stage
        ]

    @cached_property
    def datastores(self) -> dict[str, Obj | None]:
        """Every DataStore that the run needs, by name; None for one that is not there."""
        names = set(store_names(self.spec))  # a workspace that is not the plane's own is among them
        if self.production is not None:
            names.add(self.production["spec"]["artifact"]["storeRef"]["name"])
        return {name: self.related(DATASTORE, name) for name in sorted(names)}

    @cached_property
    def versions(self) -> list[Obj]:
        """All versions of the model that the run publishes, oldest first."""
        model = (self.spec.get("publish") or {}).get("model")
        found = [
            obj
            for ref, obj in self.observed.related.items()
            if ref.kind == MODEL_VERSION and obj is not None and obj["spec"].get("model") == model
        ]
        return sorted(found, key=version_number)

    @property
    def own_version(self) -> Obj | None:
        """The version that this run published."""
        uid = self.run["metadata"]["uid"]
        return next((v for v in self.versions if labels_of(v).get(RUN_UID) == uid), None)

    @property
    def production(self) -> Obj | None:
        """The version that is in production and not this run's."""
        others = [v for v in self.versions if labels_of(v).get(STAGE) == PRODUCTION]
        uid = self.run["metadata"]["uid"]
        return next((v for v in reversed(others) if labels_of(v).get(RUN_UID) != uid), None)

    @property
    def deployment(self) -> Obj | None:
        """The ModelDeployment that the run deploys to."""
        ref = (self.spec.get("deploy") or {}).get("deploymentRef") or {}
        return self.related(DEPLOYMENT, ref["name"]) if ref else None

    def taken(self, kind: Kind, name: str) -> Obj | None:
        """The object that already has a name that this run wants; gathered after a create was refused."""
        obj = self.related(kind, name)
        return None if obj is None or is_child_of(obj, self.run) else obj
