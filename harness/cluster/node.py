"""Command lines and files of the node: containerd, pod network, kubelet, kube-proxy, DNS. Pure but for `write`."""

from __future__ import annotations

import json
from typing import Any

from harness.cluster.control import client
from harness.cluster.layout import (
    DOMAIN,
    HOST,
    NODE,
    PAUSE_IMAGE,
    POD_DEVICE,
    POD_NETWORK,
    PODS,
    Layout,
)

CNI_PROGRAMS = "/usr/lib/cni"


def write(layout: Layout) -> None:
    """The files that the programs read."""
    (layout.root / "containerd.toml").write_text(containerd_config(layout))
    cni = json.dumps(pod_network(layout), indent=2)
    (layout.folder("cni") / "10-pods.conflist").write_text(cni)
    (layout.root / "kubelet.json").write_text(json.dumps(kubelet_config(layout), indent=2))
    (layout.root / "proxy.json").write_text(json.dumps(proxy_config(layout), indent=2))
    (layout.root / "Corefile").write_text(corefile(layout))
    (layout.root / "resolv.conf").write_text("nameserver 127.0.0.1\n")


def containerd_config(layout: Layout) -> str:
    """containerd 1.6 or newer. Without `restrict_oom_score_adj` pods do not start where CAP_SYS_RESOURCE is missing."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = {_quoted(layout.folder("containerd", "root"))}
state = {_quoted(layout.folder("containerd", "state"))}
[grpc]
address = {_quoted(layout.socket)}
[plugins."io.containerd.internal.v1.opt"]
path = {_quoted(layout.folder("containerd", "opt"))}
[{cri}]
restrict_oom_score_adj = true
sandbox_image = {_quoted(PAUSE_IMAGE)}
[{cri}.cni]
bin_dir = {_quoted(CNI_PROGRAMS)}
conf_dir = {_quoted(layout.folder("cni"))}
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def _quoted(value: object) -> str:
    return json.dumps(str(value))


def pod_network(layout: Layout) -> dict[str, Any]:
    """A bridge with addresses that are kept in the state folder, so that nothing is left elsewhere."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.folder("addresses")),
    }
    bridge = {
        "type": "bridge",
        "bridge": POD_DEVICE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {
        "cniVersion": "0.4.0",
        "name": POD_NETWORK,
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def containerd(layout: Layout) -> list[str]:
    """Its arguments."""
    return ["-c", str(layout.root / "containerd.toml")]


def kubelet_config(layout: Layout) -> dict[str, Any]:
    """A kubelet without systemd that takes its certificates as they are."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.certificate("kubelet")),
        "tlsPrivateKeyFile": str(layout.key("kubelet")),
        "cgroupDriver": "cgroupfs",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": DOMAIN,
        "clusterDNS": [HOST],
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(layout.root / "resolv.conf"),
        "podLogsDir": str(layout.folder("pod-logs")),
        "volumePluginDir": str(layout.folder("volume-plugins")),
        "syncFrequency": "10s",
        "maxPods": 110,
    }


def kubelet(layout: Layout) -> list[str]:
    """Its arguments."""
    return [
        f"--config={layout.root / 'kubelet.json'}",
        f"--kubeconfig={client(layout, 'kubelet')}",
        f"--root-dir={layout.folder('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={HOST}",
    ]


def proxy_config(layout: Layout) -> dict[str, Any]:
    """Services by iptables: a bare kernel may have no ip_vs."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(client(layout, "proxy"))},
        "hostnameOverride": NODE,
        "mode": "iptables",
        "clusterCIDR": PODS,
        "conntrack": {"maxPerCore": 0},
    }


def proxy(layout: Layout) -> list[str]:
    """Its arguments."""
    return [f"--config={layout.root / 'proxy.json'}"]


def corefile(layout: Layout) -> str:
    """Names of Services, and the machine's own servers under names that pods can use."""
    return f""".:53 {{
  bind {HOST}
  errors
  hosts {{
    {HOST} host.local kafka.local cassandra.local mongodb.local
    fallthrough
  }}
  kubernetes {DOMAIN} in-addr.arpa {{
    kubeconfig {layout.kubeconfig}
  }}
  cache 5
}}
"""


def dns(layout: Layout) -> list[str]:
    """Its arguments."""
    return ["-conf", str(layout.root / "Corefile")]
