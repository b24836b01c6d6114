"""Command lines and files of the control plane: etcd, API server, controllers, scheduler. Pure but for `write`."""

from __future__ import annotations

import json
from pathlib import Path

from harness import tools
from harness.cluster import pki
from harness.cluster.layout import (
    API_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    HOST,
    PODS,
    SERVICES,
    Layout,
)

_ETCD = f"http://127.0.0.1:{ETCD_PORT}"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:kube-proxy"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "Metadata"},
    ],
}


def write(layout: Layout) -> None:
    """The files that the programs read."""
    (layout.root / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    for name in pki.CLIENTS:
        client(layout, name).write_text(json.dumps(pki.kubeconfig(layout, name)))
    layout.kubeconfig.write_text(json.dumps(pki.kubeconfig(layout, "admin"), indent=2))
    layout.kubeconfig.chmod(0o600)


def client(layout: Layout, name: str) -> Path:
    """The kubeconfig file of a program."""
    return layout.folder("clients") / name


def kubectl(layout: Layout) -> list[str]:
    """How to call kubectl as the administrator."""
    return [str(tools.ensure("kubectl")), f"--kubeconfig={layout.kubeconfig}"]


def etcd(layout: Layout) -> list[str]:
    """etcd that does not wait for the disk: the cluster is for tests."""
    return [
        f"--data-dir={layout.root / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls=http://127.0.0.1:{ETCD_PEER_PORT}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(layout: Layout) -> list[str]:
    """With RBAC, Pod Security, quotas as a default server has them, and an audit log of every request."""
    accounts, ca = layout.key("service-accounts"), layout.certificate("ca")
    return [
        f"--etcd-servers={_ETCD}",
        f"--secure-port={API_PORT}",
        f"--advertise-address={HOST}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--cert-dir={layout.folder('pki')}",
        f"--tls-cert-file={layout.certificate('apiserver')}",
        f"--tls-private-key-file={layout.key('apiserver')}",
        f"--client-ca-file={ca}",
        f"--service-account-key-file={accounts}",
        f"--service-account-signing-key-file={accounts}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-client-certificate={layout.certificate('apiserver-kubelet')}",
        f"--kubelet-client-key={layout.key('apiserver-kubelet')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={ca}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={layout.certificate('front-proxy')}",
        f"--proxy-client-key-file={layout.key('front-proxy')}",
        f"--audit-policy-file={layout.root / 'audit-policy.json'}",
        f"--audit-log-path={layout.audit}",
        "--audit-log-maxsize=100000",  # MB: who counts requests must find them in one file
        "--audit-log-maxsize=100000",  # MB; else it is cut at 100, and tests read all of it
        "--allow-privileged",
    ]


def controllers(layout: Layout) -> list[str]:
    """All controllers; the client's usual limits would make Jobs wait for each other at 20 a second."""
    ca = layout.certificate("ca")
    return [
        f"--kubeconfig={client(layout, 'controllers')}",
        f"--service-account-private-key-file={layout.key('service-accounts')}",
        f"--root-ca-file={ca}",
        f"--cluster-signing-cert-file={ca}",
        f"--cluster-signing-key-file={layout.key('ca')}",
        "--use-service-account-credentials",
        "--allocate-node-cidrs",
        f"--cluster-cidr={PODS.replace('/24', '/16')}",
        f"--service-cluster-ip-range={SERVICES}",
        "--leader-elect=false",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
    ]


def scheduler(layout: Layout) -> list[str]:
    """As it comes, without a leader election."""
    return [
        f"--kubeconfig={client(layout, 'scheduler')}",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
