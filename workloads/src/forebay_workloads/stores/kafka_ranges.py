"""Ranges of a topic's offsets cut into parts of about equal length. Pure, no I/O. Used by kafka.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Range(NamedTuple):
    """Records of a partition from `start` on, before `end`."""

    partition: int
    start: int
    end: int


def cut(ranges: Sequence[Range], count: int) -> list[list[Range]]:
    """At most `count` parts, at least one, that cover the ranges once and in order; empty ranges are in none."""
    total = sum(one.end - one.start for one in ranges)
    parts: list[list[Range]] = [[] for _ in range(max(1, min(count, total)))]
    borders = [total * index // len(parts) for index in range(1, len(parts) + 1)]
    done = index = 0
    for partition, start, end in ranges:
        at = start
        while at < end:
            step = min(end - at, borders[index] - done)
            parts[index].append(Range(partition, at, at + step))
            at += step
            done += step
            index += done == borders[index]
    return parts
