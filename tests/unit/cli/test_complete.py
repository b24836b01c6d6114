"""Words that the shell offers."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from forebay.cli import complete
from forebay.cli.main import app
from tests.unit.cli import state as s


def offered(folder, line):
    """What bash would offer for a command line."""
    words = line.split(" ")
    env = {
        "_FOREBAY_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "FOREBAY_STATE": str(folder),
    }
    return CliRunner().invoke(app, [], env=env, prog_name="forebay").stdout.split()


@pytest.fixture
def folder(tmp_path):
    s.seed(tmp_path, s.store(), s.store("other"), s.pipeline(), s.run())
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("forebay de", ["describe", "delete", "dev"]),
        ("forebay get nosql", ["nosqlpipelines"]),
        ("forebay get dst ", ["local", "other"]),
        ("forebay describe dst o", ["other"]),
        ("forebay logs movies", ["movies-11111111", "movies"]),
        ("forebay logs movies --stage pre", ["preprocess", "predict"]),
        ("forebay get nonsense ", []),
    ],
)
def test_the_shell_is_offered(folder, line, words):
    assert offered(folder, line) == words


def test_a_state_that_is_not_there_offers_no_names(tmp_path):
    assert offered(tmp_path / "none", "forebay get dst ") == []
    assert not (tmp_path / "none").exists()


def test_kinds_and_stages_are_offered_by_their_beginning():
    assert complete.kinds("fore") == ["forebay"]
    assert complete.stages("p") == ["preprocess", "publish", "predict"]


def test_help_and_completion_go_without_what_is_slow_to_import():
    code = "import sys, forebay.cli.main; print({'pydantic', 'pyarrow', 'aiohttp'} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
