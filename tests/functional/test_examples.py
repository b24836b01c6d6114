"""Every folder of examples/ runs as it stands; those that need servers are tried beside them.

The data is made here: the real one is fetched by `make demo`.
"""

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.project import Project, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
EXAMPLES = Path(__file__).parents[2] / "examples"
ON_SERVERS = {
    "recommendation-nosql": "servers/test_movies.py"
}  # examples of real stores, and the tests that run them


def like_movielens(folder: Path) -> None:
    """The columns of MovieLens with ratings that are easy to learn, so that the example's own gate holds."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ratings.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user_id", "movie_id", "rating", "timestamp"])
        for taster, bottle, points in rows(users=120, items=60):
            user, movie = taster.split("-")[1], bottle.split("é")[1]
            out.writerow(
                [
                    user,
                    movie,
                    5 if points > 80 else 2,
                    881250000 + random.Random(points).randrange(999),
                ]
            )
    with (folder / "movies.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["movie_id", "title"])
        out.writerows([i, f"Film {i}"] for i in range(60))


def test_recommendation(project: Project):
    example = shutil.copytree(
        EXAMPLES / "recommendation",
        project.folder / "recommendation",
        ignore=shutil.ignore_patterns("data"),
    )
    like_movielens(example / "data")
    done = project.forebay("run", "-f", str(example), "-o", "json")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["phase"] == "Succeeded"
    env = {**project.environment(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    asked = subprocess.run(
        [sys.executable, str(example / "ask.py"), "42", "--state", str(project.state)],
        capture_output=True, text=True, env=env, check=True,
    )  # fmt: skip
    assert len([line for line in asked.stdout.splitlines() if "Film" in line]) == 10


def test_every_example_has_a_test():
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    here = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert folders == here - {"every_example_has_a_test"} | ON_SERVERS.keys()
    assert all((EXAMPLES.parent / "tests" / path).is_file() for path in ON_SERVERS.values())
