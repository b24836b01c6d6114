"""Copies a topic to another one, each batch in a transaction, until it is killed.

Run as a program by test_kafka_exactly.py. What may be tried again is, from the beginning, as a stage's next attempt.
"""

import json
import sys
from contextlib import closing, suppress

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.streams.kafka import KafkaStream


def main() -> None:
    """Arguments: the DataStore as JSON, source, target, group."""
    ref, source, target, group = StoreRef(**json.loads(sys.argv[1])), *sys.argv[2:]
    while True:
        with closing(KafkaStream(ref)) as stream, suppress(RetryableError):
            copy(stream, source, target, group)


def copy(stream: KafkaStream, source: str, target: str, group: str) -> None:
    """Until something fails."""
    while True:
        polled = stream.consume([source], group, 20, 0.5)
        values = [record.value for record in polled.records]
        if values:
            stream.transact(group, polled.positions, target, values, values)


if __name__ == "__main__":
    main()
