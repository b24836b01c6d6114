"""The device that a training computes on, and the refusal to compute on the CPU where one was asked for.

Called by the train stage. In a cluster the pod says by ACCELERATOR_ENV that it asked for a device and got one; if
the framework finds none, that is an error and not a reason to take a hundred times as long. Elsewhere (the
embedded plane) a device is used when it is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from forebay_workloads.contract import ACCELERATOR_ENV
from forebay_workloads.errors import ConfigError, RetryableError

CPU = "cpu"
_NAMES = {"nvidia": "cuda", "amd": "cuda", "intel": "xpu"}  # ROCm's torch answers to cuda too
_ON_CPU = "sklearn"  # a runtime that has nothing to do with devices


def chosen(block: Mapping[str, Any], runtime: str, log: Callable[[str], None]) -> str:
    """`cpu`, `cuda` or `xpu` for a spec's `train` block.

    Raises:
        ConfigError: GpuUnavailable when this image's framework is not built for the device,
            FieldNotSupportedInMode when the recipe cannot use any.
        RetryableError: GpuUnavailable when the device is not to be seen: another node may be well.
    """
    maker, asked = os.environ.get(ACCELERATOR_ENV), block.get("accelerator")
    if not maker and not asked:
        return CPU
    if runtime == _ON_CPU:
        if maker:
            raise ConfigError(
                "FieldNotSupportedInMode",
                f"train.accelerator: a recipe of runtime {runtime} computes on the CPU; leave it out",
            )
        return CPU
    name = _NAMES[maker or str((asked or {}).get("vendor") or "nvidia")]
    if runtime != "pytorch":
        return name  # another framework's own code looks for its device
    return _required(name, maker) if maker else _found_or_cpu(name, log)


def _required(name: str, maker: str) -> str:
    if not _is_built(name):
        raise ConfigError(
            "GpuUnavailable",
            f"train.accelerator asks for a device of {maker}, and the torch of this image is built "
            "without support for it: name an image with such a torch in train.image",
        )
    if not _is_there(name):
        raise RetryableError(
            "GpuUnavailable",
            f"the pod was given a device of {maker} and torch sees none: check the node's driver and "
            "the pod's runtimeClassName",
        )
    return name


def _found_or_cpu(name: str, log: Callable[[str], None]) -> str:
    if _is_built(name) and _is_there(name):
        return name
    log("train: no accelerator is found here, the CPU is used")
    return CPU


def _is_built(name: str) -> bool:
    import torch  # noqa: PLC0415 - seconds; only where a device was asked for

    if name == "cuda":
        return torch.version.cuda is not None or torch.version.hip is not None
    return bool(torch.xpu._is_compiled())  # noqa: SLF001 - torch has no other word for it


def _is_there(name: str) -> bool:
    import torch  # noqa: PLC0415 - as above

    return bool(torch.cuda.is_available() if name == "cuda" else torch.xpu.is_available())
