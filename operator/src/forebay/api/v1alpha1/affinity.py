"""Affinity as far as Forebay offers it: the Kubernetes fields without namespaces, so bounded and small."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, about

LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]


class NodeRequirement(Block):
    """One condition on a node's labels."""

    key: Annotated[LabelKey, about("Label of the node.", "topology.kubernetes.io/zone")]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"],
        about("How the label is compared.", "In"),
    ]
    values: Annotated[
        list[LabelValue], about("Values to compare with.", ["eu-1a"], max_length=32)
    ] = Field(default_factory=list)


class NodeTerm(Block):
    """Conditions that must all hold."""

    match_expressions: Annotated[
        list[NodeRequirement],
        about("Conditions that all hold.", [{"key": "gpu", "operator": "Exists"}], max_length=8),
    ] = Field(default_factory=list)


class NodeSelector(Block):
    """Terms of which one must hold."""

    node_selector_terms: Annotated[
        list[NodeTerm],
        about("Terms of which one holds.", [{"matchExpressions": []}], min_length=1, max_length=8),
    ]


class PreferredNodeTerm(Block):
    """A wish with a weight."""

    weight: Annotated[int, about("How much it counts, 1 to 100.", 50, ge=1, le=100)]
    preference: Annotated[NodeTerm, about("The wished node.", {"matchExpressions": []})]


class NodeAffinity(Block):
    """Which nodes a pod may or should run on."""

    required_during_scheduling_ignored_during_execution: Annotated[
        NodeSelector | None, about("Nodes that are allowed.", {"nodeSelectorTerms": []})
    ] = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredNodeTerm],
        about("Nodes that are preferred.", [{"weight": 50, "preference": {}}], max_length=8),
    ] = Field(default_factory=list)


class LabelSelector(Block):
    """Pods by their labels."""

    match_labels: Annotated[
        dict[str, LabelValue], about("Labels that all hold.", {"app": "cassandra"}, max_length=16)
    ] = Field(default_factory=dict)


class PodTerm(Block):
    """Pods of this namespace, and the area in which they count."""

    label_selector: Annotated[
        LabelSelector, about("The pods.", {"matchLabels": {"app": "cassandra"}})
    ]
    topology_key: Annotated[
        LabelKey, about("Node label that makes an area.", "kubernetes.io/hostname")
    ]


class PreferredPodTerm(Block):
    """A wish with a weight."""

    weight: Annotated[int, about("How much it counts, 1 to 100.", 50, ge=1, le=100)]
    pod_affinity_term: Annotated[
        PodTerm, about("The pods.", {"topologyKey": "kubernetes.io/hostname"})
    ]


class PodAffinity(Block):
    """Near to, or far from, other pods."""

    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodTerm],
        about("Must hold.", [{"topologyKey": "kubernetes.io/hostname"}], max_length=8),
    ] = Field(default_factory=list)
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredPodTerm], about("Should hold.", [{"weight": 50}], max_length=8)
    ] = Field(default_factory=list)


class StageAffinity(Block):
    """Where a stage's pod may or should run. Pod affinity is left to served models: a stage is one pod."""

    node_affinity: Annotated[
        NodeAffinity | None,
        about("By the nodes' labels.", {"requiredDuringSchedulingIgnoredDuringExecution": {}}),
    ] = None


class Affinity(StageAffinity):
    """Where a served model's pods may or should run."""

    pod_affinity: Annotated[
        PodAffinity | None,
        about("Near to pods.", {"preferredDuringSchedulingIgnoredDuringExecution": []}),
    ] = None
    pod_anti_affinity: Annotated[
        PodAffinity | None,
        about("Far from pods.", {"preferredDuringSchedulingIgnoredDuringExecution": []}),
    ] = None
