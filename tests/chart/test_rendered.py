"""What Helm makes of the chart, as committed below rendered/. Needs no helm; that they are Helm's is tested in e2e."""

from pathlib import Path

import pytest
from scripts.chart_render import RENDERED, SNAPSHOTS

from forebay.handlers.environment import Environment
from forebay.kube.port import KINDS, OWN_KINDS, SECRET
from forebay.manifests.ingest_deployment import ingest_deployment
from forebay.settings import Settings
from tests.chart import objects as o
from tests.component.reconcile.cluster import own

CLUSTER, NAMESPACED, EVERYTHING = (
    o.load((RENDERED / f"{name}.yaml").read_text()) for name in SNAPSHOTS
)
PARTS = ("watcher", "worker", "extensions", "secrets")


def environment(objects):
    """Names and values of the operator's environment; the downward API's have none."""
    (container,) = o.one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


class Asked(dict):
    """An environment that remembers what was asked for."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def get(self, key, default=None):
        self.names.add(key)
        return default


def arguments(objects):
    return o.one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("objects", [CLUSTER, NAMESPACED, EVERYTHING], ids=SNAPSHOTS)
def test_S01_S02_every_object_keeps_the_charts_rules(objects):
    o.is_sound(objects)
    assert len(list(o.pods(objects))) == 2  # the operator, and what `helm test` runs


def test_F09_one_operator_at_a_time():
    deployment = o.one(CLUSTER, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_operator_reads_each_variable_that_the_chart_sets():
    asked = Asked()
    Environment.read(asked)
    source = Path(__file__).parents[2] / "operator" / "src" / "forebay"
    code = "".join(path.read_text() for path in source.rglob("*.py"))
    unread = {name for name in environment(CLUSTER) if name not in asked.names and name not in code}
    assert unread == set()
    for_developers = {
        "FOREBAY_STATE_DIR",
        *(f"FOREBAY_{p}_PORT" for p in ("METRICS", "HEALTH", "PROGRESS")),
    }
    unset = {n for n in asked.names if n.startswith("FOREBAY_")} - set(environment(CLUSTER))
    assert unset - for_developers == set()


def test_the_pods_ports_are_those_that_the_operator_listens_on():
    read = Environment.read({"FOREBAY_NAMESPACE": "forebay"})
    (container,) = o.one(CLUSTER, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    own = {"metrics": read.metrics_port, "health": read.health_port, "progress": read.progress_port}
    assert ports == own


def test_the_default_values_are_the_operators_own_defaults():
    given = {name: value for name, value in environment(CLUSTER).items() if value is not None}
    read = Environment.read(given).settings
    own = Settings()
    same = ("train_image", "serve_image", "workers", "claim", "claim_size", "storage_class")
    same += (
        "gpu_runtime_class",
        "gpu_shared_resource",
        "pull_policy",
        "pull_secrets",
        "probe_interval",
        "plane",
        "state_dir",
    )
    assert {n: getattr(read, n) for n in same} == {n: getattr(own, n) for n in same}
    assert read.progress_url.startswith("https://forebay-progress.forebay.svc")


def test_in_all_namespaces_it_works_with_cluster_roles():
    assert arguments(CLUSTER) == ["--all-namespaces"]
    bound = {b["roleRef"]["name"] for b in o.of(CLUSTER, "ClusterRoleBinding")}
    assert bound == {f"forebay-{part}" for part in (*PARTS, "progress")}


def test_F18_in_some_namespaces_it_works_with_roles_only():
    assert arguments(NAMESPACED) == ["--namespace=team-a", "--namespace=team-b"]
    assert o.of(NAMESPACED, "ClusterRole", "ClusterRoleBinding") == []
    for namespace in ("team-a", "team-b"):
        for part in PARTS:
            wide = o.rules(CLUSTER, f"forebay-{part}")
            assert o.rules(NAMESPACED, f"forebay-{part}", namespace) == wide
        bindings = [
            b for b in o.of(NAMESPACED, "RoleBinding") if b["metadata"]["namespace"] == namespace
        ]
        assert {b["roleRef"]["name"] for b in bindings} == {f"forebay-{part}" for part in PARTS}
        (subject,) = bindings[0]["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": "forebay", "namespace": "forebay"}


def test_there_is_a_rule_for_every_kind_that_the_port_serves():
    parts = [rule for part in PARTS for rule in o.rules(CLUSTER, f"forebay-{part}")]
    granted = {(group, resource) for group, resource, _ in o.grants(parts)}
    served = {(kind.api_version.rpartition("/")[0], kind.plural) for kind in KINDS.values()}
    assert served - granted == set()


def test_S02_the_operator_writes_no_spec_of_a_user():
    granted = o.grants(o.rules(CLUSTER, "forebay-watcher"))
    users = {"datastores", "nosqlpipelines", "modeldeployments"}
    written = {r for _, r, verb in granted if verb not in ("get", "list", "watch")}
    assert written & users == set()
    assert {f"{kind.plural}/status" for kind in OWN_KINDS} <= written


def test_S02_secrets_are_got_one_by_one():
    assert o.grants(o.rules(CLUSTER, "forebay-secrets")) == {("", SECRET.plural, "get")}


def test_the_roles_for_people_contain_each_other_and_join_the_clusters_own():
    view, edit, admin = (
        o.grants(o.rules(CLUSTER, f"forebay-{role}")) for role in ("view", "edit", "admin")
    )
    assert view < edit < admin
    assert {verb for _, _, verb in view} == {"get", "list", "watch"}
    assert not any("/" in resource for _, resource, _ in admin), "the status is the operator's"
    for role in ("view", "edit", "admin"):
        meta = o.one(CLUSTER, "ClusterRole", f"forebay-{role}")["metadata"]
        assert meta["labels"][f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"


def selects(selector, labels):
    return selector.items() <= labels.items()


@pytest.mark.parametrize("objects", [CLUSTER, NAMESPACED, EVERYTHING], ids=SNAPSHOTS)
def test_services_policies_and_monitors_meet_the_operators_pod_and_ports(objects):
    deployment = o.one(objects, "Deployment")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert selects(deployment["spec"]["selector"]["matchLabels"], labels)
    for service in o.of(objects, "Service"):
        assert selects(service["spec"]["selector"], labels)
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for monitor in o.of(objects, "PodMonitor")[:1]:
        assert selects(monitor["spec"]["selector"]["matchLabels"], labels)
        assert {e["port"] for e in monitor["spec"]["podMetricsEndpoints"]} <= ports
    policy = o.one(objects, "NetworkPolicy")
    assert selects(policy["spec"]["podSelector"]["matchLabels"], labels)
    test_pod = o.one(objects, "Pod")["metadata"]["labels"]
    assert not selects(deployment["spec"]["selector"]["matchLabels"], test_pod)


def opened(policy):
    """(direction, port) of every rule of a NetworkPolicy."""
    for direction in ("ingress", "egress"):
        for rule in policy["spec"][direction]:
            for port in rule["ports"]:
                yield direction, port["port"]


def test_S09_only_named_ports_are_open_in_both_directions():
    policy = o.one(CLUSTER, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ingress = {("ingress", name) for name in ("metrics", "health", "progress")}
    assert set(opened(policy)) == ingress | {("egress", port) for port in (53, 443, 6443)}
    progress = policy["spec"]["ingress"][-1]["from"]
    pods = {"matchLabels": {"app.kubernetes.io/managed-by": "forebay"}}
    assert progress == [{"podSelector": pods, "namespaceSelector": {}}]


def test_S09_the_test_pod_is_let_in_to_ask_for_health():
    policy = o.one(CLUSTER, "NetworkPolicy")
    (health,) = [r for r in policy["spec"]["ingress"] if r["ports"][0]["port"] == "health"]
    selector = health["from"][0]["podSelector"]["matchLabels"]
    assert selects(selector, o.one(CLUSTER, "Pod")["metadata"]["labels"])


def test_without_progress_nothing_of_it_is_there():
    assert environment(NAMESPACED)["FOREBAY_PROGRESS_URL"] == ""
    assert [s["metadata"]["name"] for s in o.of(NAMESPACED, "Service")] == ["forebay-metrics"]
    assert ("ingress", "progress") not in set(opened(o.one(NAMESPACED, "NetworkPolicy")))
    assert not any(r["metadata"]["name"] == "forebay-home" for r in o.of(NAMESPACED, "Role"))


def test_the_test_pod_is_of_the_operators_image_and_goes_when_it_succeeded():
    pod = o.one(CLUSTER, "Pod")
    (container,) = pod["spec"]["containers"]
    (operator,) = o.one(CLUSTER, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == operator["image"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert "hook-succeeded" in pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    assert container["args"][2:] == [
        "DataStore",
        "NoSQLPipeline",
        "PipelineRun",
        "ModelVersion",
        "ModelDeployment",
    ]
    compile(container["args"][0], "check.py", "exec")


def test_the_pods_that_ingest_streams_have_a_monitor_of_their_own():
    _, monitor = o.of(EVERYTHING, "PodMonitor")
    source = {"storeRef": {"name": "kafka"}, "topic": "tx"}
    ingest = {"mode": "stream", "from": source}
    pipeline = own("NoSQLPipeline", "movies", {"ingest": ingest}, uid="p")
    made = ingest_deployment(pipeline, [], "config", Settings(), replicas=1)["spec"]["template"]
    assert selects(monitor["spec"]["selector"]["matchLabels"], made["metadata"]["labels"])
    assert set(monitor["spec"]["podTargetLabels"]) <= made["metadata"]["labels"].keys()
    ports = {port["name"] for port in made["spec"]["containers"][0]["ports"]}
    assert {e["port"] for e in monitor["spec"]["podMetricsEndpoints"]} == ports
    assert monitor["spec"]["namespaceSelector"] == {"any": True}


def test_everything_that_a_value_can_add_is_added():
    spec = o.one(EVERYTHING, "Deployment")["spec"]["template"]["spec"]
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert spec["tolerations"][0]["key"] == "dedicated"
    assert "nodeAffinity" in spec["affinity"]
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["serviceAccountName"] == "ml-operator"
    assert all(obj["metadata"]["labels"]["team"] == "platform" for obj in EVERYTHING)
    assert o.one(EVERYTHING, "ConfigMap")["metadata"]["namespace"] == "monitoring"
    for monitor in o.of(EVERYTHING, "PodMonitor"):
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
