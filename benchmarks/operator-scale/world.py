"""What the benchmark puts into the cluster: an account with the chart's rights, fake nodes, a store, pipelines."""

import json
import subprocess
from pathlib import Path

import yaml
from harness import kwok, tools

from forebay_workloads.contract import Result

ROOT = Path(__file__).resolve().parents[2]
API = "forebay.dev/v1alpha1"
DIGEST = "sha256:" + "8c1f" * 16
STORE = "shop"
RESULTS = {
    "ingest": Result(rows={"read": 1000, "written": 1000}),
    "preprocess": Result(rows={"train": 800, "test": 200}),
    "train": Result(metrics={"rmse": 0.9}),
    "evaluate": Result(metrics={"rmse": 0.91}),
    "publish": Result(detail={"digest": DIGEST, "key": "models/m/8c1f8c1f8c1f8c1f"}),
}
CHAINS = {"short": ("ingest",), "model": ("ingest", "preprocess", "train", "evaluate", "publish")}


def run(*command, text=None):
    return subprocess.run(command, input=text, text=True, check=True, capture_output=True).stdout


def kubectl(*args, text=None):
    return run(str(tools.ensure("kubectl")), *args, text=text)


def apply(*objects):
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(items))


def account(namespace):
    """Path-less kubeconfig text of the operator: the chart's Role in one namespace and nothing else."""
    values = ["--set", f"watchNamespaces={{{namespace}}}", "--set", "progress.enabled=false"]
    made = run(
        str(tools.ensure("helm")), "template", "bench", str(ROOT / "charts" / "forebay"),
        "--namespace", namespace, *values,
    )  # fmt: skip
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    objects = [obj for obj in yaml.safe_load_all(made) if obj and obj["kind"] in kinds]
    apply(*objects)
    name = "bench-forebay"
    token = kubectl("create", "token", name, "-n", namespace, "--duration=6h").strip()
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"] = [{"name": "operator", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "operator"
    return f"system:serviceaccount:{namespace}:{name}", json.dumps(config)


def nodes(count):
    """Fake nodes with room for every pod."""
    made = [kwok.node(number) for number in range(count)]
    apply(*made)
    kubectl("wait", "--for=condition=Ready", "nodes", "-l", kwok.LABEL, "--timeout=60s")


def pods(result=None, seconds=1):
    """A podTemplate that leads to the fake nodes; what kwok lets the pods say is in their annotations."""
    notes = {"fake.pod/duration": f"{seconds}s"}
    if result is not None:
        notes["fake.pod/message"] = result.encode()
    return {
        "nodeSelector": {kwok.LABEL: "true"},
        "tolerations": [dict(kwok.TOLERATION)],
        "annotations": notes,
    }


def store(namespace):
    """A store that nobody has: its probe is a fake pod that says that all is well."""
    spec = {
        "type": "cassandra",
        "cassandra": {"contactPoints": ["cassandra"], "keyspace": "shop"},
        "podTemplate": pods(Result(detail={"serverVersion": "5.0"})),
    }
    return own("DataStore", STORE, namespace, spec)


def pipeline(namespace, number, chain):
    ref = {"storeRef": {"name": STORE}}
    blocks = {
        "ingest": {"from": {**ref, "table": "a"}, "to": {**ref, "table": "b", "key": ["id"]}},
        "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
        "train": {"algorithm": "matrix-factorization"},
        "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "0.92"}]},
        "publish": {"model": f"model-{number:04d}", **ref},
    }
    spec = {
        stage: {**blocks[stage], "podTemplate": pods(RESULTS[stage])} for stage in CHAINS[chain]
    }
    spec["podTemplate"] = pods(Result())
    return own("NoSQLPipeline", f"pipeline-{number:04d}", namespace, spec)


def own(kind, name, namespace, spec):
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": API, "kind": kind, "metadata": meta, "spec": spec}
