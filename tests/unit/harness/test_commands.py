"""`make cluster` and `make cluster-down`: which cluster they mean, and what they say."""

import os

import pytest
from harness import load
from harness.cluster import __main__ as commands
from harness.cluster import kind, pause
from harness.cluster.bare import Bare

DOCKER = '#!/bin/sh\n[ "$1" = info ] && exit $DOCKER_DOWN\necho sha256:old\n'
KIND = """#!/bin/sh
echo "$@" >> "$KIND_CALLS"
case "$1 $2" in
"get clusters") [ ! -f "$KIND_CALLS.clusters" ] || cat "$KIND_CALLS.clusters" ;;
"create cluster") echo forebay > "$KIND_CALLS.clusters" ;;
esac
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What stand-ins for Docker, which answers, and kind were called with."""
    for name, text in (("docker", DOCKER), ("kind", KIND)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CLUSTER_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("KIND_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("DOCKER_DOWN", "0")
    return tmp_path / "calls"


@pytest.mark.usefixtures("calls")
def test_where_a_docker_engine_answers_kind_is_used_and_else_the_machine_itself(monkeypatch):
    assert isinstance(commands.cluster(), kind.Kind)
    monkeypatch.setenv("DOCKER_DOWN", "1")
    assert isinstance(commands.cluster(), Bare)


def test_the_cluster_is_made_once_and_its_kubeconfig_told_each_time(calls, capsys):
    commands.up()
    commands.up()
    made = [line for line in calls.read_text().splitlines() if line.startswith("create")]
    assert len(made) == 1
    told = capsys.readouterr()
    assert told.out == f"export KUBECONFIG={calls.parent}/state/kubeconfig\n" * 2
    assert "runs already" in told.err


def test_an_image_that_the_cluster_has_is_not_loaded_again(calls, tmp_path, monkeypatch):
    (tmp_path / "pause").write_bytes(b"program")
    image = pause.archive(tmp_path / "pause", tmp_path / "pause.tar")
    name, digest = load.contents(image)
    assert name == "localhost/pause:1"
    load.load(image)
    assert f"load image-archive {image}" in calls.read_text()
    calls.unlink()
    monkeypatch.setattr(kind.Kind, "image", lambda *_: digest)
    load.load(image)
    assert not calls.exists()


def test_the_same_program_makes_the_same_image(tmp_path):
    (tmp_path / "pause").write_bytes(b"program")
    first, second = (
        pause.archive(tmp_path / "pause", tmp_path / name).read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_a_cluster_that_never_was_can_be_ended_and_leaves_no_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CLUSTER_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(kind, "is_usable", lambda: False)
    commands.down()
    assert "gone" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(monkeypatch):
    def refused() -> None:
        raise RuntimeError("a bare cluster needs root")

    monkeypatch.setattr(commands, "_COMMANDS", {"up": refused})
    monkeypatch.setattr(commands.sys, "argv", ["cluster", "up"])
    with pytest.raises(SystemExit, match="cluster: a bare cluster needs root"):
        commands.main()


def test_an_unknown_command_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.setattr(commands.sys, "argv", ["cluster", "restart"])
    with pytest.raises(SystemExit, match=r"up\|down"):
        commands.main()
