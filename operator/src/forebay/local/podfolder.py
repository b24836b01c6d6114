"""A pod's folder on disk: its volumes as files, its environment and its command. Used by pods.py.

Every path that a pod template mounts lies below `rootfs`, which the data plane knows as FOREBAY_ROOT.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.kube.port import CONFIG_MAP, SECRET, Kube, Obj, Ref
from forebay_workloads.contract import PROGRESS_ENV, RESULT_FILE, ROOT_ENV

ROOTFS = "rootfs"
PROGRESS = "progress.jsonl"
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "XDG_CACHE_HOME")


class VolumeError(ForebayError):
    """A volume names something that is not there."""


async def prepare(kube: Kube, pod: Obj, folder: Path, volumes: Path) -> None:
    """Makes the folder and all mounts. VolumeError names a ConfigMap, Secret or key that is missing."""
    rootfs = folder / ROOTFS
    _inside(rootfs, RESULT_FILE).parent.mkdir(parents=True, exist_ok=True)
    spec = pod["spec"]
    mounts = spec["containers"][0].get("volumeMounts", [])
    by_name = {m["name"]: m["mountPath"] for m in mounts}
    for volume in spec.get("volumes", []):
        if volume["name"] in by_name:
            target = _inside(rootfs, by_name[volume["name"]])
            await _fill(kube, pod["metadata"]["namespace"], volume, target, volumes)


def _inside(rootfs: Path, path: str) -> Path:
    return rootfs / path.lstrip("/")


async def _fill(kube: Kube, namespace: str, volume: Obj, target: Path, volumes: Path) -> None:
    if "persistentVolumeClaim" in volume:
        claim = volumes / namespace / volume["persistentVolumeClaim"]["claimName"]
        claim.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(claim, target_is_directory=True)
        return
    target.mkdir(parents=True, exist_ok=True)
    for source in volume.get("projected", {}).get("sources", [volume]):
        await _fill_files(kube, namespace, source, target)


async def _fill_files(kube: Kube, namespace: str, source: Obj, target: Path) -> None:
    if "configMap" in source:
        block = source["configMap"]
        found = await _need(kube, Ref(CONFIG_MAP, namespace, block["name"]))
        content = {key: text.encode() for key, text in found.get("data", {}).items()}
        _write(content, block, target, 0o644)
    elif "secret" in source:
        block = source["secret"]
        name = block.get("secretName") or block["name"]
        found = await _need(kube, Ref(SECRET, namespace, name))
        content = {key: base64.b64decode(text) for key, text in found.get("data", {}).items()}
        content |= {key: text.encode() for key, text in found.get("stringData", {}).items()}
        _write(content, {**block, "name": name}, target, 0o600)


async def _need(kube: Kube, ref: Ref) -> Obj:
    found = await kube.get(ref)
    if found is None:
        raise VolumeError(f"{ref.kind.kind} {ref.name!r} is not there")
    return found


def _write(content: Mapping[str, bytes], block: Obj, target: Path, mode: int) -> None:
    items = block.get("items") or [{"key": key, "path": key} for key in content]
    for item in items:
        if item["key"] not in content:
            raise VolumeError(f"{block['name']!r} has no key {item['key']!r}")
        path = target / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, mode), "wb") as file:
            file.write(content[item["key"]])


def command(pod: Obj) -> list[str]:
    """The container's argv, its program looked up beside this Python: an image's path, on this machine."""
    main = pod["spec"]["containers"][0]
    argv = [*main.get("command", []), *main.get("args", [])]
    beside = Path(sys.executable).with_name(argv[0])
    return [str(beside) if beside.exists() else argv[0], *argv[1:]]


def environment(pod: Obj, folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """A clean environment: nothing of ours leaks into a pod, above all no credentials."""
    beside = str(Path(sys.executable).parent)
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
    env["PYTHONUNBUFFERED"] = "1"
    env["FOREBAY_HOST"] = "127.0.0.1"
    for item in pod["spec"]["containers"][0].get("env", []):
        env[item["name"]] = item.get("value", "")
    env[ROOT_ENV] = str(folder / ROOTFS)
    env[PROGRESS_ENV] = str(folder / PROGRESS)
    return env | {f"FOREBAY_PORT_{name.upper()}": str(port) for name, port in ports.items()}


def free_ports(pod: Obj) -> dict[str, int]:
    """A free local port for each named container port."""
    named = [p["name"] for p in pod["spec"]["containers"][0].get("ports", [])]
    return {name: _free_port() for name in named}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def termination_message(folder: Path, main: Mapping[str, Any]) -> str:
    """What the container left; with FallbackToLogsOnError the end of its log when it left nothing."""
    path = _inside(folder / ROOTFS, RESULT_FILE)
    text = path.read_text(errors="replace") if path.is_file() else ""
    if not text and main.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        log = folder / "log.txt"
        text = log.read_text(errors="replace")[-2048:] if log.exists() else ""
    return text[:4096]


def clear_message(folder: Path) -> None:
    """Removes the message of an earlier start, so that it is not taken for the next one's."""
    _inside(folder / ROOTFS, RESULT_FILE).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Deletes a pod's folder; claims are linked into it and stay."""
    shutil.rmtree(folder, ignore_errors=True)
