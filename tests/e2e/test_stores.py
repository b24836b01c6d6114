"""The pipeline of examples/recommendation-nosql in real pods, on servers of the machine that ask for passwords."""

import csv
import random

import pytest
from harness.cluster.layout import HOST
from harness.servers import life, ports

from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import finished, phase, shown, stages
from tests.servers.kit import movies

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.servers,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("stores"),  # the servers are of one worker
]
USERS, ITEMS = 120, 60


@pytest.fixture(scope="module")
def servers(state):
    """Where pods reach them: not on loopback."""
    root = state / "servers"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVERS_HOST", HOST)
        for name in movies.SERVERS:
            patch.setenv(ports.variable(name), ports.FREE)
        yield {name: life.up(name, root) for name in movies.SERVERS}
    for name in movies.SERVERS:
        life.down(name, root)


@pytest.fixture
def ratings(tmp_path):
    """Two hidden tastes in the columns of the example."""
    rng, path = random.Random(1), tmp_path / "ratings.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user_id", "movie_id", "rating", "timestamp"])
        for user in range(USERS):
            for item in rng.sample(range(ITEMS), ITEMS // 2):
                out.writerow([user, item, 5 if user % 2 == item % 2 else 2, 881250000 + item])
    return path


@pytest.fixture
def placed(servers, tmp_path):
    with movies.placed(servers, tmp_path) as made:
        yield made


@pytest.mark.usefixtures("operator")
def test_ratings_travel_from_kafka_over_cassandra_into_mongodb(
    kubectl, api, namespace, placed, ratings
):
    count = placed.fill(ratings, poison=3)
    kubectl.apply(placed.objects(), namespace)

    def waiting():
        stores = api.list("datastores", namespace)
        return [s.get("status") for s in stores if condition(s).get("status") != "True"]

    until(lambda: not waiting(), 120, "all three stores are Ready", waiting)
    run = finished(api, namespace, seconds=500)
    assert phase(run) == "Succeeded", shown(api, namespace)
    assert stages(run)["ingest"]["rows"] == count
    assert placed.rows() == count
    assert placed.lists() == USERS * 10
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=120s", "md/movies")
    path = f"api/v1/namespaces/{namespace}/services/movies:http/proxy/recommend"
    code, answer = api.call("POST", path, {"user": 42, "top": 5})
    assert code == 200, answer
    assert len(answer["items"]) == 5
    kinds = "datastores,nosqlpipelines,pipelineruns,jobs,pods,configmaps,events"
    pods = [pod["metadata"]["name"] for pod in api.list("pods", namespace)]
    logs = [kubectl.attempt("logs", "-n", namespace, pod).stdout for pod in pods]
    texts = [kubectl("get", kinds, "-n", namespace, "-o", "json"), *logs]
    assert not any(word in text for word in placed.passwords for text in texts)


@pytest.mark.usefixtures("operator")
def test_a_stream_is_ingested_all_the_time_and_paused_by_suspend(
    kubectl, api, namespace, placed, ratings
):
    made = [one for one in placed.objects() if one["kind"] != "ModelDeployment"]
    (pipeline,) = (one for one in made if one["kind"] == "NoSQLPipeline")
    pipeline["spec"] = {"ingest": {**pipeline["spec"]["ingest"], "mode": "stream"}}
    kubectl.apply(made, namespace)

    def seen():
        return api.get("nosqlpipelines", "movies", namespace).get("status") or {}

    def ingesting():
        return condition({"status": seen()}, "Ingesting")

    until(lambda: ingesting().get("status") == "True", 180, "it ingests", seen)
    count = placed.fill(ratings, poison=3)
    until(lambda: placed.rows() == count, 120, "the rows are there", seen)
    until(lambda: seen()["ingest"].get("deadLettered") == 3, 30, "status.ingest tells", seen)
    assert seen()["ingest"]["lag"] == 0
    assert api.list("pipelineruns", namespace) == []
    api.patch("nosqlpipelines", "movies", namespace, {"spec": {"suspend": True}})
    until(lambda: ingesting().get("reason") == "Suspended", 30, "it is paused", seen)
    until(lambda: not api.list("pods", namespace), 90, "its pod has left", seen)
    kubectl("delete", "nsp", "movies", "-n", namespace, "--timeout=60s")
    until(lambda: not api.list("deployments", namespace), 30, "its Deployment went with it")
