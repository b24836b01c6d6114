"""Certificates of the bare cluster: a CA and a key pair for each who speaks. Made once per state folder."""

from __future__ import annotations

from collections.abc import Mapping

from harness.certificates import Identity, make_ca, make_pair
from harness.cluster.layout import API_PORT, API_SERVICE, DOMAIN, HOST, NODE, Layout
from harness.shell import run

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
    make_ca(layout)
    if not layout.key("service-accounts").exists():
        curve = ("-name", "prime256v1", "-noout")
        run("openssl", "ecparam", "-genkey", *curve, "-out", str(layout.key("service-accounts")))
    for name, identity in IDENTITIES.items():
        make_pair(layout, name, identity)


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
