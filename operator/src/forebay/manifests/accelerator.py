"""Where a stage's pod must run to get the devices that an `accelerator` block asks for. Pure.

Called by job.py. The names are those that the vendors' own components use:
- NVIDIA k8s-device-plugin and GPU feature discovery: `nvidia.com/gpu`, `nvidia.com/mig-<profile>` (strategy
  mixed), labels `nvidia.com/gpu.memory` and `nvidia.com/mig-<profile>.memory` in MiB,
  `nvidia.com/gpu.sharing-strategy` = none | time-slicing | mps. A shared device keeps the plain name unless
  the plugin is told renameByDefault, which adds `.shared`: the setting `gpu_shared_resource` says which.
- AMD k8s-device-plugin and node labeller: `amd.com/gpu`, label `amd.com/gpu.vram` = whole GiB and a G ("64G").
- Intel device plugin: `gpu.intel.com/i915`; its node labels tell no memory, so the API refuses minMemory there.
With `deviceClass` the device is claimed instead: see device_claim.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from forebay.api.quantity import quantity
from forebay.kube.port import Obj
from forebay.settings import Settings
from forebay_workloads.contract import ACCELERATOR_ENV

_PLAIN = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/i915"}
_STRATEGY = "nvidia.com/gpu.sharing-strategy"
_SHARED = {"TimeSlicing": "time-slicing", "MPS": "mps"}
_AMD_LARGEST = 512  # GiB: labels are compared as texts, so every size up to here is written out
_MIB, _GIB = 1024**2, 1024**3
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

Accelerator = Mapping[str, Any]


def wanted(accelerator: Accelerator | None, settings: Settings) -> Accelerator | None:
    """The block where it can be honoured: processes of the embedded plane use what their machine has."""
    return accelerator if accelerator and settings.plane != "embedded" else None


def vendor(accelerator: Accelerator) -> str:
    """Maker of the device."""
    return str(accelerator.get("vendor") or "nvidia")


def resource(accelerator: Accelerator, settings: Settings) -> str:
    """The extended resource that the vendor's device plugin offers."""
    sharing = accelerator.get("sharing")
    if sharing == "MIG":
        return f"nvidia.com/{_mig(accelerator)}"
    return settings.gpu_shared_resource if sharing in _SHARED else _PLAIN[vendor(accelerator)]


def limits(accelerator: Accelerator | None, settings: Settings) -> dict[str, int]:
    """What the container asks the device plugin for; nothing when a device is claimed."""
    accelerator = wanted(accelerator, settings)
    if accelerator is None or accelerator.get("deviceClass"):
        return {}
    return {resource(accelerator, settings): int(accelerator.get("count") or 1)}


def required(accelerator: Accelerator | None, settings: Settings) -> list[Obj]:
    """Tells the stage that it must find a device: without this it may compute on the CPU."""
    accelerator = wanted(accelerator, settings)
    return [{"name": ACCELERATOR_ENV, "value": vendor(accelerator)}] if accelerator else []


def placed(
    template: Mapping[str, Any] | None, accelerator: Accelerator | None, settings: Settings
) -> Mapping[str, Any]:
    """The user's podTemplate and, where it is silent, what the devices need. The user's conditions stay."""
    template, accelerator = template or {}, wanted(accelerator, settings)
    if accelerator is None:
        return template
    more: dict[str, Any] = {"tolerations": _tolerations(template, accelerator, settings)}
    rules = [] if accelerator.get("deviceClass") else requirements(accelerator)
    if rules:
        more["affinity"] = _affinity(template.get("affinity") or {}, rules)
    if settings.gpu_runtime_class and not template.get("runtimeClassName"):
        more["runtimeClassName"] = settings.gpu_runtime_class
    return {**template, **more}


def requirements(accelerator: Accelerator) -> list[Obj]:
    """Conditions on the labels of a node that has such devices; a node must meet all of them."""
    maker, least = vendor(accelerator), accelerator.get("minMemory")
    found = [_sharing(accelerator)] if maker == "nvidia" else []
    if least and maker == "nvidia":
        found.append(_nvidia_memory(accelerator, least))
    if least and maker == "amd":
        found.append(_amd_memory(least))
    return found


def _sharing(accelerator: Accelerator) -> Obj:
    """A shared device is taken where sharing is asked for, and nowhere else."""
    word = _SHARED.get(str(accelerator.get("sharing")))
    if word:
        return {"key": _STRATEGY, "operator": "In", "values": [word]}
    return {"key": _STRATEGY, "operator": "NotIn", "values": sorted(_SHARED.values())}


def _nvidia_memory(accelerator: Accelerator, least: str) -> Obj:
    part = _mig(accelerator) if accelerator.get("sharing") == "MIG" else "gpu"
    more_than = math.ceil(quantity(least) / _MIB) - 1
    return {"key": f"nvidia.com/{part}.memory", "operator": "Gt", "values": [str(more_than)]}


def _amd_memory(least: str) -> Obj:
    smallest = math.ceil(quantity(least) / _GIB)
    sizes = range(smallest, max(smallest, _AMD_LARGEST) + 1)
    return {"key": "amd.com/gpu.vram", "operator": "In", "values": [f"{n}G" for n in sizes]}


def _mig(accelerator: Accelerator) -> str:
    """`mig-1g.10gb.me` of the profile `1g.10gb+me`: a plus sign is no part of a resource's name."""
    return "mig-" + str(accelerator.get("profile", "")).replace("+", ".")


def _tolerations(
    template: Mapping[str, Any], accelerator: Accelerator, settings: Settings
) -> list[Obj]:
    """Nodes with devices are kept free for those who ask, by a taint of the resource's name."""
    keys = {_PLAIN[vendor(accelerator)], *limits(accelerator, settings)}
    ours = [{"key": k, "operator": "Exists", "effect": "NoSchedule"} for k in sorted(keys)]
    own = list(template.get("tolerations") or [])
    return own + [entry for entry in ours if entry not in own]


def _affinity(affinity: Mapping[str, Any], rules: list[Obj]) -> Obj:
    """Every one of the user's terms, of which one must hold, with our conditions added.

    A term without conditions matches no node, so it stays as it is.
    """
    node = dict(affinity.get("nodeAffinity") or {})
    required = dict(node.get(_REQUIRED) or {})
    terms = required.get("nodeSelectorTerms") or [{"matchExpressions": []}]
    first = not required.get("nodeSelectorTerms")
    required["nodeSelectorTerms"] = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or []), *rules]}
        if first or term.get("matchExpressions")
        else term
        for term in terms
    ]
    return {**affinity, "nodeAffinity": {**node, _REQUIRED: required}}
