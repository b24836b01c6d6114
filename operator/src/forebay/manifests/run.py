"""The PipelineRun that a trigger asks for: an immutable copy of the pipeline's spec. Called by plan/pipeline.py."""

from __future__ import annotations

import copy

from forebay.kube.port import API_VERSION, Obj
from forebay.manifests.labels import BASE_DIR, annotations_of, child_meta
from forebay.manifests.names import run_name
from forebay.settings import Settings


def pipeline_run(pipeline: Obj, trigger: str, key: str, settings: Settings) -> Obj:
    """The run for `trigger` (spec, annotation, schedule) with `key`; equal keys give equal names."""
    meta = pipeline["metadata"]
    base = annotations_of(pipeline).get(BASE_DIR)
    name = run_name(meta["name"], meta["uid"], f"{trigger}/{key}")
    return {
        "apiVersion": API_VERSION,
        "kind": "PipelineRun",
        "metadata": child_meta(
            pipeline, name, settings, annotations={BASE_DIR: base} if base else None
        ),
        "spec": {
            "pipelineRef": {"name": meta["name"]},
            "trigger": {"type": trigger, "key": key},
            "template": copy.deepcopy(pipeline["spec"]),
        },
    }
