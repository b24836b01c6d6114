"""What a user may say about the pods of a stage or model: a restricted subset of a pod template.

No volumes, security context, service account or commands: those are the operator's, and a pod stays within
the `restricted` security standard whatever is written here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from forebay.api.v1alpha1.affinity import Affinity, LabelKey, LabelValue, StageAffinity
from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.scalars import ForeignName

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
ResourceAmount = Annotated[
    int | str,
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "maxLength": 32,
        }
    ),
]
EnvName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
EnvValue = Annotated[str, Field(max_length=4096)]


class Toleration(Block):
    """A taint that the pod accepts."""

    key: Annotated[LabelKey | None, about("Key of the taint.", "nvidia.com/gpu")] = None
    operator: Annotated[
        Literal["Exists", "Equal"], about("Whether the value counts.", "Exists")
    ] = "Equal"
    value: Annotated[LabelValue | None, about("Value of the taint.", "present")] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        about("Effect of the taint; all where it is left out.", "NoSchedule"),
    ] = None
    toleration_seconds: Annotated[
        int | None, about("How long a NoExecute taint is borne, seconds.", 300, ge=0, le=31_536_000)
    ] = None


class Resources(Block):
    """What the container asks for and may use."""

    requests: Annotated[
        dict[str, ResourceAmount],
        about("Reserved amounts; cores and bytes.", {"cpu": "2", "memory": "4Gi"}, max_length=16),
    ] = Field(default_factory=dict)
    limits: Annotated[
        dict[str, ResourceAmount],
        about("Largest amounts; cores and bytes.", {"memory": "8Gi"}, max_length=16),
    ] = Field(default_factory=dict)


class EnvVar(Block):
    """An environment variable with a literal value; secrets come from DataStores only."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.name.startsWith('FOREBAY_')",
            "names with FOREBAY_ are the operator's: take another",
            ".name",
        ),
    )
    name: Annotated[EnvName, about("Name of the variable.", "OMP_NUM_THREADS")]
    value: Annotated[EnvValue, about("Its literal value; not for secrets.", "4")] = ""


def _no_own_keys(block: str) -> Rule:
    return Rule(
        f"!has(self.{block}) || self.{block}.all(k, !k.startsWith('forebay.dev/'))",
        f"{block} with forebay.dev/ are the operator's: take another prefix",
        f".{block}",
    )


class PodTemplate(Block):
    """Applies to every pod of the stage that it stands in."""

    RULES: ClassVar[tuple[Rule, ...]] = (_no_own_keys("labels"), _no_own_keys("annotations"))
    labels: Annotated[
        dict[str, LabelValue], about("More labels of the pods.", {"team": "risk"}, max_length=32)
    ] = Field(default_factory=dict)
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]],
        about("More annotations of the pods.", {"example.com/cost-centre": "42"}, max_length=32),
    ] = Field(default_factory=dict)
    node_selector: Annotated[
        dict[str, LabelValue],
        about("Labels that a node must have.", {"kubernetes.io/arch": "amd64"}, max_length=32),
    ] = Field(default_factory=dict)
    tolerations: Annotated[
        list[Toleration],
        about(
            "Taints that the pods accept.", [{"key": "gpu", "operator": "Exists"}], max_length=32
        ),
    ] = Field(default_factory=list)
    affinity: Annotated[
        StageAffinity | None, about("Where the pods may or should run.", {"nodeAffinity": {}})
    ] = None
    resources: Annotated[
        Resources | None,
        about("What the container asks for and may use.", {"requests": {"cpu": "2"}}),
    ] = None
    priority_class_name: Annotated[
        ForeignName | None, about("PriorityClass of the pods.", "batch-low")
    ] = None
    runtime_class_name: Annotated[
        ForeignName | None, about("RuntimeClass of the pods.", "nvidia")
    ] = None
    env: Annotated[
        list[EnvVar],
        about(
            "Environment variables with literal values.",
            [{"name": "OMP_NUM_THREADS", "value": "4"}],
            list_keys=("name",),
            max_length=64,
        ),
    ] = Field(default_factory=list)


class ServingPodTemplate(PodTemplate):
    """Applies to every pod of a served model."""

    affinity: Annotated[
        Affinity | None, about("Where the pods may or should run.", {"podAntiAffinity": {}})
    ] = None
