"""`forebay run` as a user types it, in processes of its own: what it prints and how it ends.

What the pipeline itself does is tested elsewhere; here a small one without training is enough.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

FOREBAY = Path(sys.executable).with_name("forebay")
ROWS = 2000
STORES = """
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: files}
spec: {type: files, files: {url: .}}
---
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: local}
spec: {type: embedded, embedded: {}}
"""
PIPELINE = """
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: tastings}
spec:
  ingest:
    from: {storeRef: {name: files}, table: tastings.csv}
    to: {storeRef: {name: local}, table: tastings, key: [taster, bottle]}
  preprocess:
    split: {by: random, test: "0.2", seed: 7}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with stores, a pipeline and 2,000 generated ratings under columns of their own."""
    rng = random.Random(1)
    with (tmp_path / "tastings.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["taster", "bottle", "points"])
        out.writerows(
            [f"t{n % 100}", f"bottle é{n // 100}", rng.randrange(60, 100)] for n in range(ROWS)
        )
    (tmp_path / "stores.yaml").write_text(STORES)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    yield tmp_path
    forebay(tmp_path, "down")


def command(*arguments):
    return [str(FOREBAY), *arguments]


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("FOREBAY")}


def forebay(folder, *arguments):
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run(folder, *arguments):
    return forebay(folder, "run", "-f", ".", *arguments)


def test_a_folder_is_run_and_every_command_sees_what_it_did(folder):
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert "  ingest      2,000 rows into tastings of local" in done.stdout.splitlines()
    assert "  preprocess  1,600 train / 400 test (random, seed 7)" in done.stdout.splitlines()
    assert "\x1b" not in done.stdout

    assert "Succeeded" in forebay(folder, "get", "runs").stdout
    assert "1,600 train / 400 test" in forebay(folder, "describe", "run", "tastings").stdout
    assert "2,000" in forebay(folder, "logs", "tastings", "--stage", "ingest").stdout
    report = Path(forebay(folder, "report", "tastings").stdout.strip())
    assert report.suffix == ".html"
    assert "Triggered" in forebay(folder, "events", "--for", "nsp/tastings").stdout


def test_an_unchanged_spec_is_not_run_again_and_json_shows_the_run_that_was(folder):
    first = json.loads(run(folder, "-o", "json").stdout)
    again = run(folder, "-o", "json")
    assert again.returncode == 0
    assert json.loads(again.stdout) == first
    assert "is unchanged" in again.stderr


def test_a_failed_run_is_run_again_once_its_cause_is_gone(folder):
    data = folder / "tastings.csv"
    data.rename(folder / "elsewhere.csv")
    failed = run(folder)
    assert failed.returncode == 1
    assert "tastings.csv" in failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr
    (folder / "elsewhere.csv").rename(data)
    assert run(folder).returncode == 0


def test_a_second_run_in_the_same_folder_is_refused_at_once(folder):
    (folder / "tastings.csv").unlink()
    os.mkfifo(folder / "tastings.csv")  # the first run waits for a writer
    first = subprocess.Popen(
        command("run", "-f", "."),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        started = time.monotonic()
        for line in first.stdout:
            if b"created" in line:
                break
        second = run(folder)
        assert second.returncode == 1
        assert second.stderr.startswith("Error: another `forebay run`")
        assert len(second.stderr.splitlines()) == 1
        assert time.monotonic() - started < 30
    finally:
        first.send_signal(signal.SIGINT)
        output, _ = first.communicate(timeout=40)
    assert first.returncode == 130, output
    assert b"The next `forebay run` goes on from here." in output


def test_an_invalid_folder_exits_2_and_leaves_nothing(folder):
    (folder / "pipeline.yaml").write_text(PIPELINE.replace("by: random", "by: moon"))
    done = run(folder)
    assert done.returncode == 2
    assert "pipeline.yaml:10 spec.preprocess.split.by" in done.stderr
    assert not (folder / ".forebay").exists()
