"""ModelVersion: the immutable record of a published model."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.conditions import Status
from forebay.api.v1alpha1.refs import StoreRef
from forebay.api.v1alpha1.resource import Metadata, Resource
from forebay.api.v1alpha1.scalars import (
    Digest,
    ItemName,
    MetricValue,
    OwnName,
    ParamValue,
    Text,
    Url,
    Version,
)
from forebay.api.v1alpha1.train import Runtime

ModelStage = Literal["Production", "Staging", "Archived"]
RecipeName = Annotated[str, Field(min_length=1, max_length=128)]


class ArtifactRef(Block):
    """Where the artefact lies."""

    store_ref: Annotated[StoreRef, about("Store of the artefact.", {"name": "shop"})]
    key: Annotated[Url, about("Blob key prefix of its files.", "models/fraud/8c1f00aa22bb33cc")]


class Tensor(Block):
    """One input or output of the model."""

    name: Annotated[ItemName, about("Name in the graph.", "user")]
    dtype: Annotated[Text, about("Type of an element.", "string")]
    shape: Annotated[
        list[Annotated[int, Field(ge=-1)]],
        about("Sizes; -1 is any, as in the open inference protocol.", [-1, 64], max_length=8),
    ] = Field(default_factory=list)


class Signature(Block):
    """What goes in and what comes out."""

    inputs: Annotated[
        list[Tensor],
        about("Inputs.", [{"name": "user", "dtype": "string", "shape": [-1]}], max_length=256),
    ] = Field(default_factory=list)
    outputs: Annotated[
        list[Tensor],
        about("Outputs.", [{"name": "rating", "dtype": "float32", "shape": [-1]}], max_length=256),
    ] = Field(default_factory=list)


class Lineage(Block):
    """What the model was made of."""

    pipeline: Annotated[OwnName | None, about("NoSQLPipeline that made it.", "fraud")] = None
    run: Annotated[Text | None, about("PipelineRun that made it.", "fraud-28c1a90f")] = None
    snapshot: Annotated[
        dict[str, Any],
        about(
            "Pinned state of the data: tables, rows, digests, offsets; free-form.",
            {"table": "ratings", "rows": 100000, "digest": "sha256:8c1f"},
            max_length=64,
        ),
    ] = Field(default_factory=dict)
    code: Annotated[
        Text | None, about("Version of the code that trained it.", "forebay-workloads 0.1.0")
    ] = None


class ModelVersionSpec(Block):
    """All that is known of the model; immutable."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("self == oldSelf", "a model version is immutable: publish a new one"),
    )
    model: Annotated[OwnName, about("The model.", "fraud")]
    version: Annotated[Version, about("Number of the version, counted from v1.", "v17")]
    digest: Annotated[
        Digest, about("SHA-256 of the artefact's manifest.", "sha256:8c1f… (64 hexadecimal digits)")
    ]
    artifact: Annotated[
        ArtifactRef,
        about(
            "Where the artefact lies.", {"storeRef": {"name": "shop"}, "key": "models/fraud/8c1f"}
        ),
    ]
    runtime: Annotated[Runtime | None, about("Framework that trained it.", "pytorch")] = None
    recipe: Annotated[
        RecipeName | None, about("Recipe or entrypoint that made it.", "matrix-factorization")
    ] = None
    metrics: Annotated[
        dict[str, MetricValue],
        about("Metrics on the test set; each in its unit.", {"rmse": "0.912"}, max_length=64),
    ] = Field(default_factory=dict)
    signature: Annotated[
        Signature,
        about(
            "What goes in and what comes out.", {"inputs": [{"name": "user", "dtype": "string"}]}
        ),
    ] = Signature()
    params: Annotated[
        dict[str, ParamValue],
        about("Parameters it was trained with.", {"epochs": "5"}, max_length=64),
    ] = Field(default_factory=dict)
    lineage: Annotated[
        Lineage, about("What it was made of.", {"pipeline": "fraud", "run": "fraud-28c1a90f"})
    ] = Lineage()


class ModelVersionStatus(Status):
    """Conditions: Ready."""

    stage: Annotated[
        ModelStage | None, about("Copy of the label forebay.dev/stage.", "Production")
    ] = None
    message: Annotated[Text | None, about("For people.", "serves since 2026-01-31")] = None


class ModelVersion(Resource):
    """The immutable record of a published model: digest, metrics, signature, data snapshot, lineage."""

    kind: Literal["ModelVersion"] = "ModelVersion"
    metadata: Metadata
    spec: Annotated[
        ModelVersionSpec,
        about("All that is known of the model; immutable.", {"model": "fraud", "version": "v17"}),
    ]
    status: Annotated[ModelVersionStatus | None, about("Its stage.", {"stage": "Production"})] = (
        None
    )
