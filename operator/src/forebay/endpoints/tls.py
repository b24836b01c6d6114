"""The endpoint's certificate in a Secret of our own namespace: made when absent, used again after a restart, renewed.

Pods that run were told the CA when they were made, so a restart of the operator must not make another one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import structlog

from forebay.endpoints.certificates import Material, renewed
from forebay.errors import Conflict, KubeError
from forebay.kube.port import SECRET, Kube, Obj, Ref
from forebay.manifests.labels import MANAGED_BY

log = structlog.get_logger(__name__)
_KEYS = {"ca": "ca.crt", "ca_key": "ca.key", "cert": "tls.crt", "key": "tls.key"}
_TRIES = 3
_LOOK = 12 * 3600.0  # seconds between two looks at the certificate's age


async def kept(
    kube: Kube, ref: Ref, hosts: Collection[str], now: datetime, known: Material | None = None
) -> Material:
    """What the Secret holds, or what is written there now. Raises KubeError.

    `known` is what this process serves with: a Secret that was deleted meanwhile gets it back, CA and all.
    """
    for _ in range(_TRIES):
        secret = await kube.get(ref)
        old = _read(secret)
        new = _renewed(known if secret is None else old, hosts, now)
        if new == old:
            return new
        try:  # applied, not created: the chart's right to make it is one to this name
            await kube.apply(_secret(ref, new, secret))
        except Conflict:  # somebody else was faster: theirs is as good
            continue
        log.info("certificate of the progress endpoint written", secret=ref.name)
        return new
    raise Conflict(409, "Conflict", f"Secret {ref.name} changes faster than it can be read")


def context(material: Material) -> ssl.SSLContext:
    """What a server needs."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    load(made, material)
    return made


def load(into: ssl.SSLContext, material: Material) -> None:
    """New connections get this certificate. It passes through a file for a moment: `ssl` reads nothing else."""
    with tempfile.TemporaryDirectory(prefix="forebay-") as folder:
        file = Path(folder, "pair.pem")
        file.touch(mode=0o600)
        file.write_text(material.cert + material.key)
        into.load_cert_chain(file)


async def keep(
    kube: Kube, ref: Ref, hosts: Collection[str], served: ssl.SSLContext, material: Material
) -> None:
    """Renews in time, until it is cancelled."""
    while True:
        await asyncio.sleep(_LOOK)
        try:
            material = await kept(kube, ref, hosts, datetime.now(UTC), material)
            load(served, material)
        except KubeError as error:  # there are weeks left
            log.warning("certificate not looked after", secret=ref.name, error=str(error))


def _renewed(old: Material | None, hosts: Collection[str], now: datetime) -> Material:
    try:
        return renewed(old, hosts, now)
    except ValueError:  # no PEM: somebody has edited it
        log.warning("the Secret of the progress endpoint is not usable; it is made anew")
        return renewed(None, hosts, now)


def _read(secret: Obj | None) -> Material | None:
    data = (secret or {}).get("data") or {}
    try:
        texts = {n: base64.b64decode(data[k], validate=True).decode() for n, k in _KEYS.items()}
    except (KeyError, binascii.Error, UnicodeDecodeError):
        return None
    return Material(**texts)


def _secret(ref: Ref, material: Material, old: Obj | None) -> Obj:
    meta: Obj = {
        "name": ref.name,
        "namespace": ref.namespace,
        "labels": {MANAGED_BY: "forebay"},
    }
    if old is not None:
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
    data = {k: base64.b64encode(getattr(material, n).encode()).decode() for n, k in _KEYS.items()}
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": meta,
        "type": (old or {}).get("type") or "kubernetes.io/tls",
        "data": data,
    }
