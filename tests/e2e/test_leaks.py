"""A Secret's values are nowhere but in the Secret: objects, logs, events, metrics, reports (S05)."""

import base64
import json

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import finished, phase

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
CANARY = "canary-7Qm2xT9v"
KINDS = (
        "datastores", "nosqlpipelines", "pipelineruns", "modelversions", "modeldeployments", "jobs", "pods",
        "configmaps", "events", "services", "deployments", "replicasets", "endpointslices", "pvc",
)  # fmt: skip


def test_S05_no_password_is_found_outside_of_its_secret(kubectl, api, operator, project):
    kubectl(
        "create", "secret", "generic", "shop-user", "-n", project,
        "--from-literal=username=shop", f"--from-literal=password={CANARY}",
        f"--from-literal=uri=mongodb://shop:{CANARY}@db.invalid/shop",
    )  # fmt: skip
    kubectl(
        "create", "secret", "generic", "keys", "-n", project, f"--from-literal=app={CANARY}-key"
    )
    address = {"contactPoints": ["127.0.0.1:9"], "keyspace": "k", "localDatacenter": "d"}
    auth = {"secretRef": {"name": "shop-user"}}
    shop = objects.of(
        "DataStore", "shop", {"type": "cassandra", "cassandra": address, "auth": auth}
    )
    keyed = objects.served(rest={"auth": {"secretRef": {"name": "keys"}}})
    kubectl.apply([shop, objects.full(), keyed], project)
    assert phase(finished(api, project)) == "Succeeded"
    kubectl("wait", "-n", project, "--for=condition=Ready", "--timeout=90s", "md/taste")
    until(
        lambda: condition(api.get("datastores", "shop", project)).get("status") == "False",
        60,
        "the store that is not there was probed",
    )
    texts = {
        "objects": kubectl("get", ",".join(KINDS), "-n", project, "-o", "json"),
        "operator's log": operator.logs(),
        "metrics": metrics(api, operator),
        "pods' logs": "\n".join(
            kubectl.attempt("logs", "-n", project, pod["metadata"]["name"]).stdout
            for pod in api.list("pods", project)
        ),
    }
    hidden = (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("="))
    assert [where for where, text in texts.items() for secret in hidden if secret in text] == []
    assert all(texts.values()), "an empty text proves nothing"


def metrics(api, operator):
    """The operator's metrics as Prometheus would read them."""
    pod = operator.pods()[0]["metadata"]["name"]
    code, text = api.call("GET", f"api/v1/namespaces/forebay/pods/{pod}:8080/proxy/metrics")
    assert code == 200, text
    return text if isinstance(text, str) else json.dumps(text)
