"""confluent-kafka's own paths, with the options that our adapter gives its clients."""

import time

import rows
from confluent_kafka import Consumer, Producer
from peer import Peer

from forebay_workloads.streams import kafka_member, kafka_producer

AT_ONCE = 2_000


class Client(Peer):
    """Options, and what keeps records."""

    def connect(self):
        user, password = self.login
        self.options = {
            "bootstrap.servers": ",".join(self.settings["bootstrapServers"]),
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": self.settings["saslMechanism"],
            "sasl.username": user,
            "sasl.password": password,
        }

    def prepared(self, count):
        return rows.payments(count)

    def messages(self, table, count):
        """Lists of messages, committed as they come."""
        more = {"group.id": rows.group(table), "auto.offset.reset": "earliest"}
        options = self.options | kafka_member.OPTIONS | more | {"enable.partition.eof": False}
        consumer, began, seen = Consumer(options), time.perf_counter(), 0
        consumer.subscribe([table])
        while seen < count:
            some = consumer.consume(AT_ONCE, 0.05)
            if some:
                if not seen:
                    self.waited = time.perf_counter() - began
                seen += len(some)
                yield some
                ends = {(one.topic(), one.partition()): one for one in some}
                for message in ends.values():
                    consumer.commit(message, asynchronous=False)
            elif time.perf_counter() - began > 120:
                raise SystemExit(f"{seen} of {count} records came")
        consumer.close()


class Ceiling(Client):
    """consume(2000): the client's messages, untouched. Beside the others, as a limit."""

    def read(self, table, count):
        return [one for some in self.messages(table, count) for one in some]

    def columns(self, found):
        return [rows.of_records([one.key() for one in found], [one.value() for one in found])]


class Consume(Client):
    """consume(2000), and of each message what a table needs: where it lies, its time, its headers, key and value."""

    def read(self, table, count):
        return [
            (
                m.topic(),
                m.partition(),
                m.offset(),
                m.key(),
                m.value(),
                m.timestamp()[1],
                m.headers(),
            )
            for some in self.messages(table, count)
            for m in some
        ]

    def columns(self, found):
        return [rows.of_records([one[3] for one in found], [one[4] for one in found])]


class Produce(Client):
    """produce() in a loop with a callback for failures, and flush()."""

    def write(self, table, prepared):
        failed = []
        options = self.options | kafka_producer.OPTIONS | {"delivery.report.only.error": True}
        producer = Producer(options)
        for value, key in zip(*prepared, strict=True):
            while True:
                try:
                    producer.produce(
                        table, value, key, on_delivery=lambda *told: failed.append(told)
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
        self.end(producer, failed)

    def end(self, producer, failed):
        """All of them are acknowledged, or the case fails."""
        if producer.flush(120) or failed:
            raise SystemExit(f"not written: {failed[:1] or 'too late'}")


class ProduceBatch(Produce):
    """produce_batch() of 10,000 records, and flush()."""

    def write(self, table, prepared):
        failed, values, keys = [], *prepared
        options = self.options | kafka_producer.OPTIONS | {"delivery.report.only.error": True}
        producer = Producer(options)
        for start in range(0, len(values), 10_000):
            some = zip(values[start : start + 10_000], keys[start : start + 10_000], strict=True)
            todo = [{"value": value, "key": key} for value, key in some]
            while todo:
                producer.produce_batch(table, todo, on_delivery=lambda *told: failed.append(told))
                todo = [
                    {k: v for k, v in one.items() if k != "_error"}
                    for one in todo
                    if "_error" in one
                ]
                if todo:
                    producer.poll(0.05)
        self.end(producer, failed)
