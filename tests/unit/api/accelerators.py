"""Accelerators that keep and that break the rules of the CRD: for test_rules.py and the e2e tests."""

from tests.unit.api.good import pipeline

KEPT = [
    pipeline(train__accelerator={"sharing": "MIG", "profile": "1g.10gb", "minMemory": "10Gi"}),
    pipeline(train__accelerator={"deviceClass": "gpu.nvidia.com", "selectors": ["true"]}),
    pipeline(train__accelerator={"vendor": "amd", "sharing": "None", "minMemory": "8Gi"}),
    pipeline(train__accelerator={"vendor": "intel", "deviceClass": "x", "minMemory": "8Gi"}),
]
BROKEN = {
    "MIG without profile": (
        pipeline(train__accelerator={"sharing": "MIG"}),
        "spec.train.accelerator.profile",
        "needs profile",
    ),
    "device class and sharing": (
        pipeline(train__accelerator={"deviceClass": "a", "sharing": "MPS"}),
        "spec.train.accelerator.deviceClass",
        "leave out sharing",
    ),
    "device class and profile": (
        pipeline(train__accelerator={"deviceClass": "a", "profile": "1g"}),
        "spec.train.accelerator.deviceClass",
        "leave out sharing",
    ),
    "profile without MIG": (
        pipeline(train__accelerator={"sharing": "MPS", "profile": "1g.10gb"}),
        "spec.train.accelerator.profile",
        "sharing MIG",
    ),
    "sharing of another vendor": (
        pipeline(train__accelerator={"vendor": "amd", "sharing": "TimeSlicing"}),
        "spec.train.accelerator.sharing",
        "leave out sharing",
    ),
    "memory of an Intel device": (
        pipeline(train__accelerator={"vendor": "intel", "minMemory": "8Gi"}),
        "spec.train.accelerator.minMemory",
        "deviceClass",
    ),
    "selectors alone": (
        pipeline(train__accelerator={"selectors": ["true"]}),
        "spec.train.accelerator.selectors",
        "name deviceClass",
    ),
    "ten bytes": (
        pipeline(train__accelerator={"minMemory": "10"}),
        "spec.train.accelerator.minMemory",
        "10Gi",
    ),
}
