"""All objects that execute a stage, in the order of their creation: claim, Service, then the Job or JobSet. Pure.

Called by `forebay.plan.start`, which knows what is there already. All carry the name of the stage's Job.
"""

from __future__ import annotations

from collections.abc import Iterable

from forebay.kube.port import JOB_SET, Obj
from forebay.manifests.device_claim import claim_template, is_claimed, use_claim
from forebay.manifests.job import stage_job
from forebay.manifests.jobset import first_pod, job_set
from forebay.manifests.nodes import headless_service, indexed, node_count, subdomain_of
from forebay.manifests.queue import queue_name, queued
from forebay.settings import Settings


def stage_workload(
    run: Obj,
    stage: str,
    datastores: Iterable[Obj],
    settings: Settings,
    *,
    deadline: int,
    backoff_limit: int,
    apis: frozenset[str] = frozenset(),
) -> tuple[Obj, ...]:
    """The stage's objects but for its document. `apis` are the optional APIs that are installed."""
    spec = run["spec"]["template"]
    block = spec.get(stage) or {}
    job = stage_job(
        run, stage, datastores, settings, deadline=deadline, backoff_limit=backoff_limit
    )
    name = job["metadata"]["name"]
    before: list[Obj] = []
    accelerator = block.get("accelerator")
    if accelerator and is_claimed(accelerator, settings):
        before.append(claim_template(run, name, stage, accelerator, settings))
        use_claim(job["spec"]["template"], name)
    if node_count(block) > 1:
        job, more = _together(run, job, node_count(block), settings, apis)
        before.extend(more)
    return (*before, queued(job, queue_name(spec), apis))


def _together(
    run: Obj, job: Obj, nodes: int, settings: Settings, apis: frozenset[str]
) -> tuple[Obj, list[Obj]]:
    """The Job for several pods, and what its pods need beside it."""
    name = job["metadata"]["name"]
    if settings.plane == "embedded":
        return indexed(job, nodes, "", settings), []
    if JOB_SET.api in apis:
        return job_set(indexed(job, nodes, first_pod(name), settings)), []
    subdomain = subdomain_of(name)
    several = indexed(job, nodes, f"{name}-0.{subdomain}", settings, subdomain=subdomain)
    return several, [headless_service(run, job, settings)]
