"""The Kafka adapter passes the suite, and does what only a real broker is asked for."""

from __future__ import annotations

import pytest

from forebay_workloads.streams import open_stream
from forebay_workloads.streams.base import Polled, Record
from tests.contract.stream_conformance import StreamConformance, stream  # noqa: F401 - a fixture

TOPICS = ("t", "nothing", "busy", "quiet")


class Named:
    """A stream whose topics and groups have a prefix of the test's own."""

    def __init__(self, inner, prefix):
        self.inner, self.prefix = inner, prefix

    def _out(self, positions):
        return {(self.prefix + topic, part): at for (topic, part), at in positions.items()}

    def _in(self, positions):
        return {
            (topic.removeprefix(self.prefix), part): at for (topic, part), at in positions.items()
        }

    def _record(self, one):
        return Record(
            one.topic.removeprefix(self.prefix), one.partition, one.offset, one.key, one.value,
            one.timestamp, one.headers,
        )  # fmt: skip

    def probe(self):
        return self.inner.probe()

    def produce(self, topic, *rest):
        return self.inner.produce(self.prefix + topic, *rest)

    def consume(self, topics, group, *rest):
        polled = self.inner.consume(
            [self.prefix + topic for topic in topics], self.prefix + group, *rest
        )
        return Polled([self._record(one) for one in polled.records], self._in(polled.positions))

    def commit(self, group, positions):
        self.inner.commit(self.prefix + group, self._out(positions))

    def committed(self, group, topic):
        return self._in(self.inner.committed(self.prefix + group, self.prefix + topic))

    def lag(self, group, topic):
        return self.inner.lag(self.prefix + group, self.prefix + topic)

    def close(self):
        self.inner.close()


class KafkaAdapter:
    def __init__(self, ref, prefix, topics):
        self.ref, self.prefix = ref, prefix
        for name in TOPICS:
            topics.make(prefix + name, 4)

    def open(self):
        return Named(open_stream(self.ref), self.prefix)


@pytest.fixture
def adapter(kafka, prefix, topics):
    return KafkaAdapter(kafka, prefix, topics)


class TestKafkaStream(StreamConformance):
    pass
