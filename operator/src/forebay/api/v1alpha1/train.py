"""The train stage: a shipped recipe or user code, on which hardware, with which checkpoints."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.flow import Source
from forebay.api.v1alpha1.pods import PodTemplate
from forebay.api.v1alpha1.scalars import Duration, ForeignName, ParamValue, Quantity

Runtime = Literal["pytorch", "sklearn", "tensorflow", "spark"]
Algorithm = Literal[
    "matrix-factorization", "text-classifier", "tabular-classifier", "random-forest", "vader"
]
Entrypoint = Annotated[
    str,
    Field(
        min_length=3,
        max_length=256,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$",
    ),
]
Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^ \t\n]+$")]
Profile = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.+_-]*$")
]
DeviceSelector = Annotated[str, Field(min_length=1, max_length=1024)]
Params = Annotated[
    dict[str, ParamValue],
    about(
        "Parameters of the recipe or entrypoint, each a string; also the names of the columns.",
        {"epochs": "5", "lr": "0.001"},
        max_length=64,
    ),
]


class Accelerator(Block):
    """Devices for each training pod."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.sharing) || self.sharing != 'MIG' || has(self.profile)",
            "sharing MIG needs profile: name the slice, for example 1g.10gb",
            ".profile",
        ),
        Rule(
            "!has(self.deviceClass) || (!has(self.sharing) && !has(self.profile))",
            "deviceClass decides how a device is shared: leave out sharing and profile",
            ".deviceClass",
        ),
        Rule(
            "!has(self.selectors) || has(self.deviceClass)",
            "selectors choose among the devices of a class: name deviceClass too",
            ".selectors",
        ),
        Rule(
            "!has(self.profile) || (has(self.sharing) && self.sharing == 'MIG')",
            "profile names a slice of a device: say sharing MIG too",
            ".profile",
        ),
        Rule(
            "!has(self.sharing) || self.sharing == 'None' || "
            "!has(self.vendor) || self.vendor == 'nvidia'",
            "only NVIDIA's devices are shared this way: leave out sharing",
            ".sharing",
        ),
        Rule(
            "!has(self.minMemory) || has(self.deviceClass) || "
            "!has(self.vendor) || self.vendor != 'intel'",
            "the labels of nodes with Intel devices tell no memory: name deviceClass, "
            "or choose the nodes by podTemplate.nodeSelector",
            ".minMemory",
        ),
        Rule(
            "!has(self.minMemory) || (isQuantity(self.minMemory) && "
            "quantity(self.minMemory).compareTo(quantity('64Mi')) >= 0)",
            "minMemory is a quantity of bytes, at least 64Mi: write for example 10Gi",
            ".minMemory",
        ),
    )
    vendor: Annotated[
        Literal["nvidia", "amd", "intel"], about("Maker of the device.", "nvidia")
    ] = "nvidia"
    count: Annotated[int, about("Devices for each pod; a count.", 1, ge=1, le=16)] = 1
    min_memory: Annotated[Quantity | None, about("Least memory of one device, bytes.", "10Gi")] = (
        None
    )
    sharing: Annotated[
        Literal["None", "MIG", "TimeSlicing", "MPS"] | None,
        about("How a device may be shared with others (NVIDIA); left out: not at all.", "None"),
    ] = None
    profile: Annotated[Profile | None, about("Slice of a device, with sharing MIG.", "1g.10gb")] = (
        None
    )
    device_class: Annotated[
        ForeignName | None,
        about(
            "DeviceClass of dynamic resource allocation instead of vendor resources.",
            "gpu.nvidia.com",
        ),
    ] = None
    selectors: Annotated[
        list[DeviceSelector] | None,
        about(
            "CEL over a device's attributes; all must hold.",
            ["device.attributes['gpu.nvidia.com'].type == 'gpu'"],
            min_length=1,
            max_length=8,
        ),
    ] = None


class Checkpoint(Block):
    """How much work a killed training loses."""

    interval: Annotated[Duration, about("Time between two checkpoints; a duration.", "1m")] = "1m"
    resume: Annotated[
        Literal["LastCheckpoint", "Never"],
        about("Where a restarted training begins.", "LastCheckpoint"),
    ] = "LastCheckpoint"


class Train(Block):
    """Fits a model on what preprocess or ingest left."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.algorithm) != has(self.entrypoint)",
            "give exactly one of algorithm (a shipped recipe) and entrypoint (your code)",
        ),
        Rule(
            "!has(self.entrypoint) || has(self.runtime)",
            "entrypoint needs runtime: say which framework the code uses",
            ".runtime",
        ),
    )
    runtime: Annotated[
        Runtime | None, about("Framework; left out: that of the algorithm.", "pytorch")
    ] = None
    algorithm: Annotated[Algorithm | None, about("A shipped recipe.", "matrix-factorization")] = (
        None
    )
    entrypoint: Annotated[
        Entrypoint | None,
        about(
            "Your code: module, colon, name of an object with a recipe's functions.",
            "mypackage.ranker:RECIPE",
        ),
    ] = None
    image: Annotated[
        Image | None,
        about("Container image of the pods; left out: Forebay's own.", "ghcr.io/acme/train:1.4"),
    ] = None
    from_: Annotated[
        Source | None,
        about(
            "Data to train on without preprocess; left out: ingest.to.",
            {"storeRef": {"name": "shop"}, "table": "ratings"},
            alias="from",
        ),
    ] = None
    params: Params = Field(default_factory=dict)
    nodes: Annotated[
        int,
        about(
            "Pods that train together, each on its part of every batch; a count.", 1, ge=1, le=256
        ),
    ] = 1
    accelerator: Annotated[
        Accelerator | None, about("Devices for each pod.", {"vendor": "nvidia", "count": 1})
    ] = None
    checkpoint: Annotated[
        Checkpoint, about("How much work a killed training loses.", {"interval": "1m"})
    ] = Checkpoint()
    pod_template: Annotated[
        PodTemplate | None,
        about("Applies to every pod of this stage.", {"nodeSelector": {"disk": "ssd"}}),
    ] = None
