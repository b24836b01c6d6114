"""The kinds of `forebay.dev/v1alpha1` as types: the one place where the API is written down.

CRDs, the chart's copies, validation and the reference docs are generated from here. Plans and manifests
may read objects through these types or as plain dicts; `forebay.api.schema` judges whether one is valid.
"""

from forebay.api.v1alpha1.base import API_VERSION, Block, Rule
from forebay.api.v1alpha1.conditions import Condition, MetricSample, ProgressStatus
from forebay.api.v1alpha1.datastore import DataStore, DataStoreSpec, DataStoreStatus
from forebay.api.v1alpha1.modeldeployment import (
    ModelDeployment,
    ModelDeploymentSpec,
    ModelDeploymentStatus,
)
from forebay.api.v1alpha1.modelversion import ModelVersion, ModelVersionSpec, ModelVersionStatus
from forebay.api.v1alpha1.pipeline import LastRun, NoSQLPipeline, PipelineSpec, PipelineStatus
from forebay.api.v1alpha1.resource import Resource
from forebay.api.v1alpha1.run import PipelineRun, RunSpec, RunStatus, StageStatus

__all__ = [
    "API_VERSION",
    "Block",
    "Condition",
    "DataStore",
    "DataStoreSpec",
    "DataStoreStatus",
    "LastRun",
    "MetricSample",
    "ModelDeployment",
    "ModelDeploymentSpec",
    "ModelDeploymentStatus",
    "ModelVersion",
    "ModelVersionSpec",
    "ModelVersionStatus",
    "NoSQLPipeline",
    "PipelineRun",
    "PipelineSpec",
    "PipelineStatus",
    "ProgressStatus",
    "Resource",
    "Rule",
    "RunSpec",
    "RunStatus",
    "StageStatus",
]
