"""Programs that are built once: by whom, how often, and what a failure leaves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import tools
from harness.folders import HERE, ROOT

GO = """#!/bin/sh
echo "$@" >> "$GO_CALLS"
echo example.com/some/package >&2
[ -z "$GO_FAILS" ] || { echo "main.go:1: no" >&2; exit 1; }
sleep 0.2
if [ "$1" = install ]; then echo built > "$GOBIN/helm"
else while [ "$1" != -o ]; do shift; done; echo built > "$2"; fi
"""


@pytest.fixture
def calls(tmp_path, monkeypatch) -> Path:
    """What a stand-in for Go was called with; the cache is empty."""
    program = tmp_path / "bin/go"
    program.parent.mkdir()
    program.write_text(GO)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GO_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_program_is_built_once_and_found_then(calls):
    assert tools.ensure("helm").read_text() == "built\n"
    assert tools.ensure("helm").parent.name == f"helm-{tools.TOOLS['helm'].version}"
    assert len(calls.read_text().splitlines()) == 1


def test_two_callers_at_once_build_once(calls):
    command = [sys.executable, "-m", "harness.tools", "helm"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    paths = [process.communicate()[0] for process in started]
    assert paths[0] == paths[1] != b""
    assert len(calls.read_text().splitlines()) == 1


def test_a_failed_build_says_what_the_compiler_said_and_leaves_nothing(calls, monkeypatch):
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(RuntimeError, match=r"helm .* could not be built[\s\S]*main.go:1: no"):
        tools.ensure("helm")
    left = [path.name for path in (calls.parent / "cache/forebay/tools").rglob("*")]
    assert sorted(left) == [f"helm-{tools.TOOLS['helm'].version}", "lock"]


def test_without_go_the_message_says_where_it_is(calls, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match=r"install Go .*https://go.dev"):
        tools.ensure("helm")


@pytest.mark.usefixtures("calls")
def test_all_of_kubernetes_is_one_program_under_many_names():
    assert tools.ensure("kubectl").resolve() == tools.ensure("kubed").resolve()
    assert tools.ensure("kubectl").name == "kubectl"
    assert tools.ensure("etcd").resolve() == tools.ensure("kubelet").resolve()


@pytest.mark.usefixtures("calls")
def test_a_change_of_our_own_sources_is_built_anew(tmp_path, monkeypatch):
    (tmp_path / "pause").mkdir()
    (tmp_path / "pause/main.go").write_text("one")
    monkeypatch.setattr(tools, "HERE", tmp_path)
    first = tools.ensure("pause")
    (tmp_path / "pause/main.go").write_text("two")
    assert tools.ensure("pause") != first


@pytest.mark.parametrize("name", sorted(tools.TOOLS))
def test_each_tool_is_pinned_and_can_be_built(name):
    tool = tools.TOOLS[name]
    assert re.fullmatch(r"\d+(\.\d+)*", tool.version)
    assert tool.of or tool.source or tool.package != "."
    assert not tool.source or (HERE / tool.source / "go.mod").exists()


@pytest.mark.parametrize(
    ("folder", "module", "tool"),
    [("kubed", "k8s.io/kubernetes", "kubed"), ("keda", "github.com/kedacore/keda/v2", "keda")],
)
def test_the_version_in_the_table_is_that_of_the_module(folder, module, tool):
    text = (HERE / folder / "go.mod").read_text()
    assert f"\t{module} v{tools.TOOLS[tool].version}" in text


def test_an_unknown_name_is_answered_with_the_known_ones():
    command = [sys.executable, "-m", "harness.tools", "helmet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "kubectl" in done.stderr
