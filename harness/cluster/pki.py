"""Certificates of the bare cluster: a CA and a key pair for each who speaks. Made once per state folder, by openssl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.cluster.layout import API_PORT, API_SERVICE, DOMAIN, HOST, NODE, Layout
from harness.shell import run

_DAYS = "3650"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for; `names` are those under which it serves."""

    user: str
    group: str = ""
    names: tuple[str, ...] = ()


IDENTITIES: Mapping[str, Identity] = {
    "apiserver": Identity(
        "kube-apiserver",
        names=(
            "DNS:kubernetes",
            "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc",
            f"DNS:kubernetes.default.svc.{DOMAIN}",
            "DNS:localhost",
            "IP:127.0.0.1",
            f"IP:{API_SERVICE}",
            f"IP:{HOST}",
        ),
    ),
    "kubelet": Identity(f"system:node:{NODE}", "system:nodes", (f"DNS:{NODE}", f"IP:{HOST}")),
    "metrics-server": Identity(
        "metrics-server", names=("DNS:metrics-server.kube-system.svc", f"IP:{HOST}")
    ),
    "keda": Identity("keda", names=("DNS:keda-metrics-apiserver.keda.svc", "DNS:localhost")),
    "apiserver-kubelet": Identity("kube-apiserver-kubelet-client", "system:masters"),
    "front-proxy": Identity("front-proxy-client"),
    "admin": Identity("admin", "system:masters"),
    "controllers": Identity("system:kube-controller-manager"),
    "scheduler": Identity("system:kube-scheduler"),
    "proxy": Identity("system:kube-proxy"),
}
CLIENTS = ("admin", "controllers", "scheduler", "proxy", "kubelet")
"""Those who call the API server with a kubeconfig."""


def make(layout: Layout) -> None:
    """Makes what is missing: the CA, the service accounts' key, a pair for each identity."""
    if not layout.certificate("ca").exists():
        run(
            "openssl", "req", "-x509", *_NEW_KEY, "-days", _DAYS, "-subj", "/CN=forebay-ca",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
            "-keyout", str(layout.key("ca")), "-out", str(layout.certificate("ca")),
        )  # fmt: skip
    if not layout.key("service-accounts").exists():
        curve = ("-name", "prime256v1", "-noout")
        run("openssl", "ecparam", "-genkey", *curve, "-out", str(layout.key("service-accounts")))
    for name, identity in IDENTITIES.items():
        if not layout.certificate(name).exists():
            _sign(layout, name, identity)


def _sign(layout: Layout, name: str, identity: Identity) -> None:
    request = layout.folder("pki") / f"{name}.csr"
    group = f"/O={identity.group}" if identity.group else ""
    run(
        "openssl", "req", *_NEW_KEY, "-subj", f"{group}/CN={identity.user}",
        "-keyout", str(layout.key(name)), "-out", str(request),
    )  # fmt: skip
    extensions = layout.folder("pki") / f"{name}.ext"
    extensions.write_text(extension_text(identity))
    run(
        "openssl", "x509", "-req", "-days", _DAYS, "-in", str(request), "-extfile", str(extensions),
        "-CA", str(layout.certificate("ca")), "-CAkey", str(layout.key("ca")), "-CAcreateserial",
        "-out", str(layout.certificate(name)),
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


def kubeconfig(layout: Layout, name: str) -> dict[str, object]:
    """The kubeconfig of a client, with paths of its certificates (JSON is YAML)."""
    user = {
        "client-certificate": str(layout.certificate(name)),
        "client-key": str(layout.key(name)),
    }
    cluster = {
        "server": f"https://127.0.0.1:{API_PORT}",
        "certificate-authority": str(layout.certificate("ca")),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "forebay", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "forebay", "context": {"cluster": "forebay", "user": name}}],
        "current-context": "forebay",
    }
