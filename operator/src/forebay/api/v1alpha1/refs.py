"""References to other objects of the same namespace. There is no `namespace` in any of them, on purpose.

A namespaced object must not make the operator, which may read all namespaces, reach into another one.
"""

from __future__ import annotations

from typing import Annotated

from forebay.api.v1alpha1.base import Block, about
from forebay.api.v1alpha1.scalars import ForeignName, OwnName, SecretKey


class StoreRef(Block):
    """Names a DataStore of this namespace."""

    name: Annotated[OwnName, about("Name of a DataStore in this namespace.", "shop")]


class PipelineRef(Block):
    """Names a NoSQLPipeline of this namespace."""

    name: Annotated[OwnName, about("Name of a NoSQLPipeline in this namespace.", "fraud")]


class DeploymentRef(Block):
    """Names a ModelDeployment of this namespace."""

    name: Annotated[OwnName, about("Name of a ModelDeployment in this namespace.", "fraud")]


class SecretRef(Block):
    """Names a Secret of this namespace."""

    name: Annotated[ForeignName, about("Name of a Secret in this namespace.", "shop-user")]


class SecretKeyRef(SecretRef):
    """Names one key of a Secret of this namespace."""

    key: Annotated[SecretKey, about("Key of the Secret's data.", "ca.crt")] = "ca.crt"


class ObjectRef(Block):
    """Names an object of another product in this namespace; the field's name says of which kind."""

    name: Annotated[ForeignName, about("Name of the object in this namespace.", "shop-cassandra")]
