"""Each fault of a store or broker has its reason within 30 s, as a pipeline meets it, and no secret leaves its Secret.

The stages run as processes, as in a pod: their logs, results, progress and files are searched for the password.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition

from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, EXIT_RETRY
from forebay_workloads.streams import open_stream

from .kit import fronts
from .kit.places import KINDS, ROWS, Place, opened
from .kit.pod import Ended, Pod, shown

SECONDS = 30
STARTING = 15  # more, for two processes to import their drivers on a busy machine
CANARY = "canary-7Qm2xT9v"
# HBase's gateway asks nobody who they are, the stand-in for Couchbase takes every password.
WITH_LOGIN = [name for name in KINDS if name not in ("hbase", "couchbase")]
# The others tell their own address to whoever asks; test_kafka_faults.py does this on Kafka's own TLS port.
BEHIND_A_FRONT = ["cassandra", "dynamodb", "hbase"]
OTHERS_TABLES = ["cassandra", "mongodb", "dynamodb", "hbase"]  # which their administrator changes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module", params=list(KINDS))
def admin(request, tmp_path_factory):
    with opened(request.param, tmp_path_factory.mktemp("secrets")) as made:
        yield request.param, made


@pytest.fixture(scope="module")
def place(admin) -> Place:
    name, made = admin
    return KINDS[name][1](made)


@pytest.fixture
def fresh(admin) -> Place:
    """A table of this test's own: it will be changed."""
    name, made = admin
    return KINDS[name][1](made)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return fronts.Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def run(place, tmp_path):
    """Runs stages at once: the probe of a DataStore, and an ingest that reads from it."""
    count = iter(range(100))

    def ended(
        ref,
        secret: Mapping[str, str],
        source: Mapping[str, str] | None = None,
        stages=("probe", "ingest"),
        key=None,
        env=None,
    ) -> list[Ended]:
        ingest = {
            "from": {"storeRef": {"name": ref.name}, **(source or place.source)},
            "to": {
                "storeRef": {"name": "local"},
                "table": "copy",
                "key": [*(key or place.columns[:1])],
            },
        }
        pods = [Pod(tmp_path / f"pod-{next(count)}", stage, ref, secret) for stage in stages]
        with ExitStack() as running:
            started = [running.enter_context(pod.start(ingest, env or {})) for pod in pods]
            found = [pod.ended(SECONDS + STARTING) for pod in started]
        assert [pod.leaks() for pod in pods] == [[]] * len(pods)
        return found

    return ended


def reasons(found):
    return {(one.code, one.result.reason) for one in found}


def test_without_a_fault_all_rows_arrive(place, run):
    found = run(place.ref, place.secret)
    assert reasons(found) == {(0, None)}, found
    assert found[1].result.rows["read"] == ROWS


@pytest.mark.parametrize("admin", WITH_LOGIN, indirect=True)
def test_F41_wrong_credentials_are_said(place, run):
    wrong = {**place.secret, "password": CANARY}
    if place.ref.type == "dynamodb":
        wrong["username"] = "no such key"  # DynamoDBLocal looks at the letters of the key's id only
    found = run(place.ref, wrong)
    assert reasons(found) == {(EXIT_CONFIG, "StoreAuthFailed")}, [
        shown(one.result) for one in found
    ]


@pytest.mark.parametrize("fault", ["nobody", "silence", "black_hole"])
def test_a_host_that_does_not_answer_is_unreachable(place, run, fault):
    with getattr(fronts, fault)() as address:
        found = run(place.at(address), place.secret)
    assert reasons(found) == {(EXIT_RETRY, "StoreUnreachable")}, [
        shown(one.result) for one in found
    ]
    assert all(address in one.result.message for one in found)


def trusting(place: Place, address: str, authority: str):
    """The DataStore with TLS and a CA, and its Secret."""
    tls = {"caSecretRef": {"name": "ca", "key": "ca.crt"}}
    return place.at(address, tls), {**place.secret, "ca.crt": authority}


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("expired", "expired"),
        ("good", "issuer|self-signed|signature"),
        ("renamed", "mismatch|doesn't match"),
    ],
)
def test_F41_a_certificate_that_is_not_trusted_is_said_with_what_is_wrong(
    place, run, pki, certificate, words
):
    authority = pki.foreign if certificate == "good" else pki.authority
    with fronts.tls(place.address, pki.pair(certificate)) as address:
        ref, secret = trusting(place, address, authority)
        env = {}
        if (certificate, ref.type) == ("renamed", "cassandra"):
            # With a CA of its own the adapter compares no names: here it is one of the system's.
            ref, secret = replace(ref, settings={**ref.settings, "tls": {}}), place.secret
            env = {"SSL_CERT_FILE": pki.file}
        found = run(ref, secret, env=env)
    assert reasons(found) == {(EXIT_RETRY, "CertificateInvalid")}, [
        shown(one.result) for one in found
    ]
    for one in found:
        assert any(word in one.result.message for word in words.split("|")), shown(one.result)


@pytest.mark.parametrize("admin", BEHIND_A_FRONT, indirect=True)
def test_a_certificate_that_is_trusted_lets_all_rows_through(place, run, pki):
    with fronts.tls(place.address, pki.pair("good")) as address:
        found = run(*trusting(place, address, pki.authority))
    assert reasons(found) == {(0, None)}, [shown(one.result) for one in found]
    assert found[1].result.rows["read"] == ROWS


def test_F47_a_table_that_is_not_there_is_named(place, run):
    unit = "topic" if "topic" in place.source else "table"
    (found,) = run(place.ref, place.secret, {**place.source, unit: "missing"}, ["ingest"])
    assert (found.code, found.result.reason) == (EXIT_CONFIG, "ReferenceMissing")
    assert "missing" in found.result.message
    assert place.source[unit] in found.result.message


@pytest.mark.parametrize("admin", OTHERS_TABLES, indirect=True)
def test_F47_a_column_that_was_dropped_is_named(fresh, run):
    (found,) = run(fresh.ref, fresh.secret, stages=["ingest"], key=fresh.columns)
    assert (found.code, found.result.rows["read"]) == (0, ROWS)
    fresh.drop()
    (found,) = run(fresh.ref, fresh.secret, stages=["ingest"], key=fresh.columns)
    assert found.code in (EXIT_CONFIG, EXIT_DATA)
    assert found.result.reason == "SchemaMismatch"
    assert f"{fresh.columns[1]!r}" in found.result.message


@pytest.mark.parametrize("admin", ["kafka"], indirect=True)
def test_F38_a_position_outside_of_the_topic_is_said(admin, fresh, run):
    topic, group = fresh.source["topic"], fresh.source["group"]
    with closing(open_stream(fresh.ref)) as stream:
        stream.commit(group, {(topic, 0): 1, (topic, 1): 1000})
    (found,) = run(fresh.ref, fresh.secret, fresh.source, ["ingest"])
    assert (found.code, found.result.reason) == (EXIT_DATA, "OffsetOutOfRange"), shown(found.result)
    with closing(open_stream(fresh.ref)) as stream:
        stream.commit(group, {(topic, 1): 1})
    for answer in admin[1].admin.delete_records([TopicPartition(topic, 0, 5)]).values():
        answer.result(20)
    (found,) = run(fresh.ref, fresh.secret, fresh.source, ["ingest"])
    assert (found.code, found.result.reason) == (EXIT_DATA, "OffsetOutOfRange"), shown(found.result)
    assert "offset 1" in found.result.message


@pytest.mark.parametrize("admin", ["kafka"], indirect=True)
def test_F38_a_topic_made_again_with_fewer_partitions_is_said_by_a_stream_that_runs(
    admin, fresh, tmp_path
):
    topic, kafka = fresh.source["topic"], admin[1]
    pod = Pod(tmp_path / "pod", "stream", fresh.ref, fresh.secret)
    ingest = {
        "mode": "stream",
        "from": {"storeRef": {"name": fresh.ref.name}, **fresh.source},
        "to": {"storeRef": {"name": "local"}, "table": "copy", "key": ["id"]},
    }
    with pod.start(ingest, {}):
        waited(lambda: any(line.get("rows") == ROWS for line in pod.progress()))
        kafka.admin.delete_topics([topic])[topic].result(30)
        waited(lambda: topic not in kafka.admin.list_topics(timeout=10).topics)
        kafka.make(topic, 1)
        waited(lambda: "TopicChanged" in pod.reasons())
    assert pod.leaks() == []


def waited(done, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.3)
