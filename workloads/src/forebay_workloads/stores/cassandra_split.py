"""The ring of tokens cut into parts for workers, each part within one set of replicas. Pure, no I/O.

Used by the Cassandra adapter's scan. A range leaves its first token out and holds its last one; the lowest
token of all belongs to no row, so ranges from it to the highest cover every row exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

LOWEST, HIGHEST = -(2**63), 2**63 - 1
Range = tuple[int, int]


def ring_ranges(tokens: Sequence[int]) -> list[Range]:
    """The ranges between the nodes' tokens; the one around the end of the ring in two pieces."""
    edges = sorted({LOWEST, HIGHEST, *tokens})
    return list(pairwise(edges))


def cut(ranges: Sequence[Range], owners: Sequence[str], count: int) -> list[list[Range]]:
    """At most `count` parts of about equally many tokens; `owners` names each range's replicas.

    A part holds ranges of one owner as long as there are enough parts for all owners.
    """
    order = sorted(range(len(ranges)), key=lambda i: (owners[i], ranges[i]))
    groups = [[ranges[i] for i in each] for _, each in groupby(order, key=lambda i: owners[i])]
    if count <= len(groups):
        return _even([one for group in groups for one in group], max(1, count))
    parts: list[list[Range]] = []
    sizes = [sum(end - start for start, end in group) for group in groups]
    for group, share in zip(groups, shares(sizes, count), strict=True):
        parts += _even(group, share)
    return parts


def shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of `count` parts each size gets: at least one, the largest remainders first."""
    whole, free = sum(sizes), count - len(sizes)
    given = [free * size // whole for size in sizes]
    rests = sorted(range(len(sizes)), key=lambda i: free * sizes[i] % whole, reverse=True)
    for index in rests[: free - sum(given)]:
        given[index] += 1
    return [1 + more for more in given]


def _even(ranges: Sequence[Range], parts: int) -> list[list[Range]]:
    """The ranges, in their order, in parts of equally many tokens; empty parts are left out."""
    whole = sum(end - start for start, end in ranges)
    found: list[list[Range]] = [[] for _ in range(parts)]
    done = 0
    for first, end in ranges:
        start = first
        while start < end:
            index = done * parts // whole
            room = -(-whole * (index + 1) // parts) - done
            to = min(end, start + room)
            found[index].append((start, to))
            done += to - start
            start = to
    return [part for part in found if part]
