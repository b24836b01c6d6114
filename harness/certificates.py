"""Certificates for the programs of a state folder: a CA of its own, and key pairs that it signs, by openssl."""

from __future__ import annotations

from dataclasses import dataclass

from harness.folders import StateFolder
from harness.shell import run

_DAYS = 3650
EXPIRED = 0  # days
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for; `names` are those under which it serves."""

    user: str
    group: str = ""
    names: tuple[str, ...] = ()


def make_ca(folder: StateFolder) -> None:
    """The CA, once."""
    if folder.certificate("ca").exists():
        return
    run(
        "openssl", "req", "-x509", *_NEW_KEY, "-days", str(_DAYS), "-subj", "/CN=forebay-ca",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        "-keyout", str(folder.key("ca")), "-out", str(folder.certificate("ca")),
    )  # fmt: skip


def make_pair(folder: StateFolder, name: str, identity: Identity, days: int = _DAYS) -> None:
    """A key and a certificate that the folder's CA signed, once. With 0 days it has expired a second later."""
    if folder.certificate(name).exists():
        return
    request = folder.folder("pki") / f"{name}.csr"
    group = f"/O={identity.group}" if identity.group else ""
    run(
        "openssl", "req", *_NEW_KEY, "-subj", f"{group}/CN={identity.user}",
        "-keyout", str(folder.key(name)), "-out", str(request),
    )  # fmt: skip
    extensions = folder.folder("pki") / f"{name}.ext"
    extensions.write_text(extension_text(identity))
    run(
        "openssl", "x509", "-req", "-days", str(days), "-in", str(request), "-extfile", str(extensions),
        "-CA", str(folder.certificate("ca")), "-CAkey", str(folder.key("ca")), "-CAcreateserial",
        "-out", str(folder.certificate(name)),
    )  # fmt: skip


def extension_text(identity: Identity) -> str:
    """What the certificate may be used for, in openssl's own syntax."""
    lines = [
        "extendedKeyUsage=serverAuth,clientAuth",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
    ]
    if identity.names:
        lines.append(f"subjectAltName={','.join(identity.names)}")
    return "\n".join(lines) + "\n"
