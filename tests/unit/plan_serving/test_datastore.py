"""A DataStore is probed, judged and probed again: every state of plan/datastore.py."""

from __future__ import annotations

import itertools
import json

import pytest

from forebay.plan.datastore import plan
from forebay_workloads.contract import STAGE_FILE, Result, StageDocument
from tests.unit.plan_serving.world import SETTINGS, World, cassandra, datastore, secret, text, words


def finished(
    world: World, result: Result | None = None, code: int = 0, word: str = "BackoffLimitExceeded"
):
    """The Job controller: the probe's pod ended."""
    job = world.child("Job")
    over = {"exitCode": code, "message": result.encode() if result else ""}
    world.pod(job["metadata"]["name"], {"state": {"terminated": over}}, kind="Job")
    kind = "Complete" if code == 0 else "Failed"
    entry = {"type": kind, "status": "True", "reason": word, "lastTransitionTime": text(world.now)}
    job["status"] = (
        {"conditions": [entry], "completionTime": text(world.now)}
        if code == 0
        else {"conditions": [entry]}
    )


def a_world(store=None, *related) -> World:
    return World(store or datastore(), list(related), plan)


def good(world: World) -> None:
    world.step()
    finished(world, Result(detail={"serverVersion": "3.46"}))
    world.step()
    world.no_pods()
    world.step()


def test_at_first_sight_every_condition_is_there_and_one_probe_is_started():
    world = a_world()
    first = world.step()
    assert [c["type"] for c in world.status["conditions"]] == [
        "Ready",
        "Reachable",
        "Authenticated",
        "Warning",
        "Reconciling",
        "Stalled",
    ]
    assert words(world.status) == ("Unknown", "Progressing")
    assert first.events == ()
    assert len(world.names("Job")) == 1
    assert world.names("Job")[0].startswith("local-probe-")


def test_the_probe_is_told_of_this_store_alone():
    world = a_world()
    world.step()
    document = StageDocument.from_json(
        world.child("ConfigMap")["data"][STAGE_FILE.rsplit("/", 1)[1]]
    )
    assert document.stage == "probe"
    assert list(document.stores) == ["local"]
    assert document.stores["local"].settings["path"].endswith("/stores/local.db")


def test_while_the_probe_runs_nothing_is_started_twice():
    world = a_world()
    world.step()
    before = dict(world.children)
    assert world.step().create == ()
    assert world.children.keys() == before.keys()


def test_a_good_probe_makes_the_store_ready_and_names_the_server():
    world = a_world()
    world.step()
    finished(world, Result(detail={"serverVersion": "3.46"}))
    world.step()
    assert [words(world.status, k) for k in ("Ready", "Reachable", "Authenticated")] == [
        ("True", "Ready"),
        ("True", "Reachable"),
        ("True", "Authenticated"),
    ]
    assert world.status["serverVersion"] == "3.46"
    assert [(e.type, e.reason) for e in world.events] == [("Normal", "Ready")]


def test_what_a_store_can_is_told_in_words_that_the_api_knows():
    world = a_world()
    world.step()
    able = ["tables", "teleport", "ttl"]
    finished(world, Result(detail={"snapshot": "Pinned", "capabilities": able}))
    world.step()
    assert (world.status["snapshot"], world.status["capabilities"]) == ("Pinned", ["tables", "ttl"])
    world.step()
    assert world.status["capabilities"] == ["tables", "ttl"], "it stays until the next probe"


def test_a_good_probe_without_a_version_is_good():
    world = a_world()
    world.step()
    finished(world)
    world.step()
    assert words(world.status) == ("True", "Ready")
    assert "serverVersion" not in world.status


def test_a_finished_probe_goes_only_after_its_result_is_in_the_status():
    world = a_world()
    world.step()
    finished(world, Result())
    recorded = world.step()
    assert recorded.delete == ()
    assert recorded.requeue_after == 1.0
    world.step()
    assert world.names("Job") == []
    assert world.names("ConfigMap") == []
    assert words(world.status) == ("True", "Ready")


def test_a_ready_store_is_left_alone_until_the_interval_is_over_and_then_probed_again():
    world = a_world()
    good(world)
    rest = world.step()
    assert rest.create == ()
    assert 0 < rest.requeue_after <= SETTINGS.probe_interval
    again = world.step(rest.requeue_after + 1)
    assert {o["kind"] for o in again.create} == {"ConfigMap", "Job"}
    assert words(world.status) == ("True", "Ready")


FAILURES = {
    "no connection": (
        Result(reason="StoreUnreachable", message="shop:9042 refused"),
        75,
        "False",
        "Unknown",
    ),
    "throttled": (Result(reason="StoreThrottled", message="slow down"), 75, "False", "Unknown"),
    "wrong password": (
        Result(reason="StoreAuthFailed", message="bad credentials"),
        78,
        "True",
        "False",
    ),
    "no key": (Result(reason="SecretMissing", message="no key password"), 78, "Unknown", "False"),
    "no folder": (
        Result(reason="ReferenceMissing", message="data/ is not there"),
        78,
        "False",
        "Unknown",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_probe_says_which_half_failed(name):
    result, code, reachable, authenticated = FAILURES[name]
    world = a_world()
    world.step()
    finished(world, result, code)
    world.step()
    assert words(world.status) == ("False", result.reason)
    assert words(world.status, "Reachable")[0] == reachable
    assert words(world.status, "Authenticated")[0] == authenticated
    assert words(world.status, "Stalled")[0] == "False"
    assert [(e.type, e.reason, e.message) for e in world.events] == [
        ("Warning", result.reason, result.message)
    ]


def test_a_store_that_no_adapter_serves_is_stalled_and_asked_seldom():
    world = a_world()
    world.step()
    finished(world, Result(reason="FieldNotSupportedInMode", message="no adapter for hbase"), 78)
    world.step()
    assert words(world.status, "Stalled") == ("True", "FieldNotSupportedInMode")
    world.no_pods()
    world.step()
    assert world.step().requeue_after > 290


def test_F23_a_probe_that_never_answers_is_an_unreachable_store():
    world = a_world()
    world.step()
    finished(world, None, 143, "DeadlineExceeded")
    world.step()
    assert words(world.status) == ("False", "StoreUnreachable")


def test_F23_a_probe_without_a_node_says_so_while_it_waits_and_when_it_is_over():
    world = a_world()
    world.step()
    job = world.names("Job")[0]
    held = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    world.pod(job, kind="Job", phase="Pending", conditions=[held])
    world.step()
    assert words(world.status, "Reachable") == ("Unknown", "Unschedulable")
    world.no_pods()  # the Job controller ends them before it says that the Job failed
    world.child("Job")["status"] = {"conditions": [{"type": "FailureTarget", "status": "True"}]}
    world.step()
    assert words(world.status, "Reachable") == ("Unknown", "Unschedulable")
    entry = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "lastTransitionTime": text(world.now),
    }
    world.child("Job")["status"] = {"conditions": [entry]}
    world.step()
    assert words(world.status) == ("False", "Unschedulable")


def test_a_failing_store_is_asked_again_after_five_seconds_and_then_ever_more_seldom_up_to_five_minutes():
    world = a_world()
    waits = []
    world.step()
    for _ in range(9):
        finished(world, Result(reason="StoreUnreachable", message="down"), 75)
        world.step(0)
        world.no_pods()
        world.step(0)
        wait = world.step(0).requeue_after
        waits.append(round(wait))
        assert world.names("Job") == []
        world.step(wait + 0.001)
    assert waits[0] == 5
    assert waits == sorted(waits)
    assert all(b >= 1.5 * a or b >= 300 for a, b in itertools.pairwise(waits[1:]))
    assert waits[-1] == 300


def test_a_store_that_comes_back_is_ready_after_the_next_probe():
    world = a_world()
    world.step()
    finished(world, Result(reason="StoreUnreachable", message="down"), 75)
    world.step()
    world.no_pods()
    world.step()
    world.step(30)
    finished(world, Result())
    world.step()
    assert words(world.status) == ("True", "Ready")


def test_a_changed_spec_is_probed_at_once_and_the_old_probe_goes():
    world = a_world()
    world.step()
    (old,) = world.names("Job")
    world.edit(limits={"rowsPerSecond": 10})
    world.step()
    (new,) = world.names("Job")
    assert new != old
    assert world.names("ConfigMap") == [new]
    assert words(world.status) == ("Unknown", "Progressing")


def test_F64_a_missing_secret_is_named_and_the_probe_starts_once_it_is_there():
    world = a_world(cassandra())
    waiting = world.step()
    assert words(world.status) == ("False", "SecretMissing")
    assert "'shop-user'" in world.status["conditions"][0]["message"]
    assert waiting.create == ()
    assert waiting.requeue_after <= 5
    world.put(secret("shop-user"))
    world.step()
    assert len(world.names("Job")) == 1


@pytest.mark.parametrize(
    ("store", "secrets", "named"),
    [
        (cassandra(), [secret("shop-user", keys=("username",))], "'password'"),
        (
            cassandra(tls={"caSecretRef": {"name": "ca", "key": "root.pem"}}),
            [secret("shop-user"), secret("ca", keys=("ca.crt",))],
            "'root.pem'",
        ),
    ],
)
def test_F65_a_secret_that_lacks_a_key_names_the_key_and_no_value(store, secrets, named):
    world = a_world(store, *secrets)
    world.step()
    assert words(world.status) == ("False", "SecretMissing")
    assert named in world.status["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("mongodb", ("MONGODB_DATABASE_ADMIN_USER", "MONGODB_DATABASE_ADMIN_PASSWORD")),
        ("mongodb", ("app_mongos_connectionString",)),
        ("kafka", ("password", "sasl.jaas.config")),
        ("kafka", ("ca.crt", "user.crt", "user.key", "user.p12", "user.password")),
        ("dynamodb", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        ("files", ("anything",)),
    ],
)
def test_a_secret_as_another_operator_writes_it_is_enough(kind, keys):
    store = datastore("shop", type=kind, **{kind: {}}, auth={"secretRef": {"name": "shop-user"}})
    world = a_world(store, secret("shop-user", keys=keys))
    world.step()
    assert len(world.names("Job")) == 1


@pytest.mark.parametrize(
    ("kind", "named"),
    [("mongodb", "'uri'"), ("hbase", "leave spec.auth out"), ("kafka", "'sasl.jaas.config'")],
)
def test_a_secret_without_any_known_key_is_told_which_are_expected(kind, named):
    store = datastore("shop", type=kind, **{kind: {}}, auth={"secretRef": {"name": "shop-user"}})
    world = a_world(store, secret("shop-user", keys=("login", "pass")))
    world.step()
    assert words(world.status) == ("False", "SecretMissing")
    assert named in world.status["conditions"][0]["message"]


def mounted(world) -> list[str]:
    """Secrets that the probe's pod sees."""
    volumes = world.child("Job")["spec"]["template"]["spec"]["volumes"]
    return [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]


@pytest.mark.parametrize(("kind", "more"), [("mongodb", {"database": "shop"}), ("kafka", {})])
def test_the_secret_of_a_service_binding_is_waited_for_mounted_and_followed(kind, more):
    block = {"serviceBindingRef": {"name": "shop-binding"}, **more}
    world = a_world(datastore("shop", type=kind, **{kind: block}))
    world.step()
    assert words(world.status) == ("False", "SecretMissing")
    world.put(secret("shop-binding", "1", keys=("host", "port", "username", "password")))
    world.step()
    assert mounted(world) == ["shop-binding"]
    (first,) = world.names("Job")
    world.put(secret("shop-binding", "2"))
    world.step()
    assert world.names("Job") != [first]


def test_a_k8ssandra_cluster_is_reached_by_its_service_and_superuser():
    block = {"k8ssandraRef": {"name": "shop"}, "keyspace": "k", "localDatacenter": "dc1"}
    world = a_world(datastore("s", type="cassandra", cassandra=block), secret("shop-superuser"))
    world.step()
    document = StageDocument.from_json(
        world.child("ConfigMap")["data"][STAGE_FILE.rsplit("/", 1)[1]]
    )
    assert document.stores["s"].settings["contactPoints"] == ["shop-dc1-service:9042"]
    assert document.stores["s"].secrets
    assert mounted(world) == ["shop-superuser"]


def test_F65_a_rotated_secret_is_probed_at_once():
    world = a_world(cassandra(), secret("shop-user", "1"))
    good(world)
    assert words(world.status) == ("True", "Ready")
    world.put(secret("shop-user", "2"))
    world.step()
    assert len(world.names("Job")) == 1


@pytest.mark.parametrize(("store", "seconds"), [(cassandra(), 60), (datastore(), 300)])
def test_F65_secrets_are_looked_at_each_minute_as_they_are_not_watched(store, seconds):
    world = a_world(store, secret("shop-user", "1"))
    good(world)
    assert seconds - 10 < world.step().requeue_after <= seconds


def test_a_secret_is_mounted_and_never_copied():
    world = a_world(cassandra(), secret("shop-user", keys=None))
    world.step()
    pod = world.child("Job")["spec"]["template"]["spec"]
    assert [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v] == ["shop-user"]
    assert "password" not in json.dumps(world.child("ConfigMap"))


def test_a_paused_store_is_left_alone_and_says_so():
    store = datastore()
    store["metadata"]["annotations"] = {"forebay.dev/reconcile": "paused"}
    world = a_world(store)
    assert world.step().create == ()
    assert words(world.status) == ("Unknown", "ReconcilePaused")


def test_a_store_that_is_being_deleted_is_left_to_the_garbage_collector():
    store = datastore()
    store["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert a_world(store).step().status is None
