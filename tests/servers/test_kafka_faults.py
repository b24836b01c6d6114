"""What goes wrong with a broker has its own reason within 30 s, and no secret in any message."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from harness.servers import life
from harness.servers.kafka import client_settings

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError
from forebay_workloads.streams import open_stream

from .kit.kafka import Topics

SECONDS = 30


@pytest.fixture(scope="module")
def broker(spare, secrets):
    """A broker of this module's own: its certificates are known, and it may be killed."""
    server = spare("kafka")
    with Topics(server, secrets) as made:
        yield made


@pytest.fixture
def prefix(broker):
    return broker.prefix()


@pytest.fixture
def topic(broker, prefix):
    return broker.make(f"{prefix}t", 2)


def listener(broker, name):
    """The DataStore on another of its ports, with TLS and the CA."""
    ref = broker.ref()
    folder = Path(ref.secrets)
    (folder / "ca.crt").write_text(Path(broker.server.folder, "pki/ca.crt").read_text())
    address = f"{broker.server.host}:{broker.server.ports[name]}"
    tls = {"caSecretRef": {"name": "ca"}}
    return replace(ref, settings={**ref.settings, "bootstrapServers": [address], "tls": tls})


def with_password(ref, folder, password):
    folder.mkdir(exist_ok=True)
    (folder / "username").write_text(Path(ref.secrets, "username").read_text())
    (folder / "password").write_text(password)
    return replace(ref, secrets=str(folder))


def reasons(ref: StoreRef, topic: str) -> set[str]:
    """What each call says of it, each within the time that a condition may take."""
    password = Path(ref.secrets, "password").read_text()
    found = set()
    for call in (
        lambda stream: stream.produce(topic, [b"x"]),
        lambda stream: stream.consume([topic], "g", 1, 0.1),
        lambda stream: stream.commit("g", {(topic, 0): 1}),
        lambda stream: stream.lag("g", topic),
    ):
        started = time.monotonic()
        with pytest.raises(StageError) as caught, closing(open_stream(ref)) as stream:
            call(stream)
        assert time.monotonic() - started < SECONDS
        assert password not in caught.value.message
        found.add(caught.value.reason)
    return found


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_F41_every_mechanism_logs_in_and_a_wrong_password_is_said(
    broker, topic, tmp_path, mechanism
):
    ref = broker.ref()
    ref = replace(ref, settings={**ref.settings, "saslMechanism": mechanism})
    with closing(open_stream(ref)) as stream:
        assert stream.produce(topic, [b"x"]) == 1
    wrong = with_password(ref, tmp_path / "wrong", "s3cret-but-wrong")
    assert reasons(wrong, topic) == {"StoreAuthFailed"}


def test_a_broker_that_is_not_there_is_unreachable(broker, topic):
    ref = broker.ref()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    for address in (nobody, "nowhere.invalid:9092"):
        elsewhere = replace(ref, settings={**ref.settings, "bootstrapServers": [address]})
        with closing(open_stream(elsewhere)) as stream, pytest.raises(RetryableError) as caught:
            stream.lag("g", topic)
        assert caught.value.reason == "StoreUnreachable"
        assert address.split(":")[0] in caught.value.message
    assert reasons(elsewhere, topic) == {"StoreUnreachable"}


def test_tls_with_the_datastores_ca_and_a_client_certificate(broker, topic, tmp_path):
    ref = listener(broker, "tls")
    for key in ("username", "password", "ca.crt"):
        (tmp_path / key).write_text(Path(ref.secrets, key).read_text())
    for key, name in (("tls.crt", "client.crt"), ("tls.key", "client.key")):
        (tmp_path / key).write_text(Path(broker.server.folder, "pki", name).read_text())
    tls = {**ref.settings["tls"], "clientSecretRef": {"name": "client"}}
    both = replace(ref, settings={**ref.settings, "tls": tls}, secrets=str(tmp_path))
    with closing(open_stream(both)) as stream:
        assert stream.produce(topic, [b"x"]) == 1
        assert len(stream.consume([topic], "tls", 1, 5.0).records) == 1


def test_F41_an_expired_certificate_is_said(broker, topic):
    assert reasons(listener(broker, "expired"), topic) == {"CertificateInvalid"}
    with (
        closing(open_stream(listener(broker, "expired"))) as stream,
        pytest.raises(RetryableError, match="certificate has expired"),
    ):
        stream.lag("g", topic)


def test_a_ca_that_nobody_named_is_not_trusted(broker, topic):
    ref = listener(broker, "tls")
    bare = replace(ref, settings={**ref.settings, "tls": {}})
    Path(ref.secrets, "ca.crt").unlink()
    with closing(open_stream(bare)) as stream, pytest.raises(RetryableError) as caught:
        stream.lag("g", topic)
    assert caught.value.reason == "CertificateInvalid"


def test_a_topic_that_is_not_there_is_named(broker, topic, prefix):
    assert reasons(broker.ref(), f"{prefix}missing") == {"ReferenceMissing"}
    with closing(open_stream(broker.ref())) as stream, pytest.raises(ConfigError) as caught:
        stream.consume([f"{prefix}missing"], "g", 1, 0.1)
    assert f"{prefix}missing" in caught.value.message
    assert topic in caught.value.message


def ended(stream, topic, group):
    """The reason with which a running member ends."""
    end = time.monotonic() + 2 * SECONDS
    while time.monotonic() < end:
        try:
            stream.consume([topic], group, 50, 0.5)
        except StageError as error:
            return error.reason
    return None


def remake(broker, topic, partitions):
    broker.admin.delete_topics([topic])[topic].result(30)
    end = time.monotonic() + 20
    while topic in broker.admin.list_topics(timeout=10).topics:
        assert time.monotonic() < end
        time.sleep(0.2)
    broker.make(topic, partitions)


def test_F38_a_topic_made_again_with_fewer_partitions_is_said_to_a_running_member(
    broker, topic, prefix
):
    with closing(open_stream(broker.ref())) as stream, closing(open_stream(broker.ref())) as writer:
        writer.produce(topic, [b"x"] * 20)
        while not (polled := stream.consume([topic], prefix + "g", 50, 5.0)).records:
            pass
        stream.commit(prefix + "g", polled.positions)
        remake(broker, topic, 1)
        started = time.monotonic()
        assert ended(stream, topic, prefix + "g") == "TopicChanged"
        assert time.monotonic() - started < SECONDS


def test_F38_positions_of_a_topic_that_was_made_again_are_not_used_after_a_restart(
    broker, topic, prefix
):
    group = prefix + "g"
    with closing(open_stream(broker.ref())) as stream:
        stream.produce(topic, [b"x"] * 20)
        stream.commit(group, stream.consume([topic], group, 50, 5.0).positions)
    remake(broker, topic, 1)
    with closing(open_stream(broker.ref())) as stream:
        stream.produce(topic, [b"y"] * 50)
        stale = TopicPartition(topic, 0, 3, "AAAAAAAAAAAAAAAAAAAAAA")
        commit_as_member(broker, group, stale)
        with pytest.raises(DataError) as caught:
            stream.consume([topic], group, 50, 5.0)
        assert caught.value.reason == "TopicChanged"


def commit_as_member(broker, group, position):
    """What a broker leaves that did not forget the group with the topic."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    request = [ConsumerGroupTopicPartitions(group, [position])]
    broker.admin.alter_consumer_group_offsets(request)[group].result(20)


@pytest.mark.parametrize("position", [3, 1000])
def test_F38_a_position_outside_of_the_topic_is_said_with_what_there_is(broker, prefix, position):
    topic, group = broker.make(f"{prefix}one", 1), prefix + "g"
    with closing(open_stream(broker.ref())) as stream:
        stream.produce(topic, [b"x"] * 20)
        stream.commit(group, {(topic, 0): position})
        removed = broker.admin.delete_records([TopicPartition(topic, 0, 10)])
        for answer in removed.values():
            answer.result(20)
        started = time.monotonic()
        with pytest.raises(DataError) as caught:
            stream.consume([topic], group, 50, 5.0)
        assert time.monotonic() - started < SECONDS
        assert caught.value.reason == "OffsetOutOfRange"
        assert f"offset {position}" in caught.value.message
        assert "10 to 20" in caught.value.message


def test_F38_a_group_of_a_new_topic_begins_at_its_first_record_also_after_retention(broker, prefix):
    topic = broker.make(f"{prefix}one", 1)
    with closing(open_stream(broker.ref())) as stream:
        stream.produce(topic, [str(n).encode() for n in range(20)])
        for answer in broker.admin.delete_records([TopicPartition(topic, 0, 10)]).values():
            answer.result(20)
        assert stream.lag(prefix + "g", topic) == 10
        found = stream.consume([topic], prefix + "g", 50, 5.0).records
        assert [one.value for one in found] == [str(n).encode() for n in range(10, 20)]


def test_a_record_that_the_topic_does_not_take_is_refused(broker, prefix):
    topic = broker.make(f"{prefix}small", 1, **{"max.message.bytes": "2000"})
    with closing(open_stream(broker.ref())) as stream:
        with pytest.raises(DataError) as caught:
            stream.produce(topic, [b"\0" * 500_000, b"x" * 20_000_000])
        assert caught.value.reason == "SchemaMismatch"
        assert stream.produce(topic, [b"good"]) == 1


def test_records_of_900_kib_and_a_thousand_headers_pass(broker, topic, prefix):
    headers = {f"h{n}": b"v" for n in range(1000)}
    with closing(open_stream(broker.ref())) as stream:
        stream.produce(topic, [b"x" * (900 << 10)], headers=[headers])
        (one,) = stream.consume([topic], prefix + "g", 5, 5.0).records
        assert (len(one.value), dict(one.headers)) == (900 << 10, headers)


def test_a_killed_broker_costs_a_running_member_time_and_no_record(broker, topic, prefix):
    group = prefix + "g"
    server = broker.server
    root = Path(server.folder).parent
    with closing(open_stream(broker.ref())) as stream, closing(open_stream(broker.ref())) as writer:
        seen = set()
        writer.produce(topic, [str(n).encode() for n in range(100)])
        while len(seen) < 100:
            polled = stream.consume([topic], group, 30, 1.0)
            seen |= {one.value for one in polled.records}
            stream.commit(group, polled.positions)
        life.kill("kafka", root)
        back = threading.Timer(2.0, life.start, ("kafka", root))
        back.start()
        try:
            sent = False
            end = time.monotonic() + 60
            while len(seen) < 200 and time.monotonic() < end:
                sent = sent or retried(
                    lambda: writer.produce(topic, [str(n).encode() for n in range(100, 200)])
                )
                polled = stream.consume([topic], group, 30, 0.5)
                seen |= {one.value for one in polled.records}
                retried(lambda polled=polled: stream.commit(group, polled.positions) or True)
        finally:
            back.join()
        assert seen == {str(n).encode() for n in range(200)}


def retried(call):
    """Whether it went well; a passing failure is tried again by the caller, as a stage's next attempt would."""
    try:
        return bool(call())
    except RetryableError:
        return False


def test_a_broker_that_stays_away_ends_a_running_member_and_its_end_does_not_hang(
    broker, topic, prefix
):
    root = Path(broker.server.folder).parent
    stream, waiting = open_stream(broker.ref()), open_stream(broker.ref())
    assert waiting.lag(prefix + "g", topic) == 0
    stream.produce(topic, [b"x"])
    while not stream.consume([topic], prefix + "g", 5, 2.0).records:
        pass
    life.kill("kafka", root)
    try:
        started = time.monotonic()
        assert ended(stream, topic, prefix + "g") == "StoreUnreachable"
        assert time.monotonic() - started < SECONDS
        started = time.monotonic()
        stream.close()
        assert time.monotonic() - started < SECONDS
    finally:
        life.start("kafka", root)
        time.sleep(12)  # until the group has missed its member
    with closing(waiting):
        assert waiting.lag(prefix + "g", topic) == 1
    broker.admin = AdminClient(
        client_settings(broker.server)
    )  # the old one waits for a coordinator that is no more
