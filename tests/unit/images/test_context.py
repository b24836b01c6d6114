"""What is built is what is staged, and the digest knows every change of it."""

import os
from pathlib import Path

import pytest
from harness.images import context, machine, spec

TRAIN = next(image for image in spec.IMAGES if image.name == "train")


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine with neither pip configuration nor wheels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "pip_settings", dict)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "FOREBAY_WHEELS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_context_holds_sources_and_locks_and_no_bytecode(bare_machine):
    folder = bare_machine / "context"
    context.stage(TRAIN, folder, "cp311")
    found = files(folder)
    assert "requirements/train.txt" in found
    assert "workloads/src/forebay_workloads/main.py" in found
    assert "requirements/local/README.md" in found
    assert not [name for name in found if name.endswith(".pyc") or name.startswith("operator/")]


def test_the_same_sources_give_the_same_digest_whenever_they_are_staged(bare_machine):
    first, second = bare_machine / "a", bare_machine / "b"
    for folder in (first, second):
        context.stage(TRAIN, folder, "cp311")
    assert context.digest(first, {"base": "x"}) == context.digest(second, {"base": "x"})


@pytest.mark.parametrize("change", ["content", "new file", "argument"])
def test_a_change_gives_another_digest(bare_machine, change):
    folder = bare_machine / "context"
    context.stage(TRAIN, folder, "cp311")
    before = context.digest(folder, {"base": "x"})
    if change == "content":
        (folder / "LICENSE").write_text("other")
    elif change == "new file":
        (folder / "workloads/src/new.py").touch()
    after = context.digest(folder, {"base": "y" if change == "argument" else "x"})
    assert after != before


def test_staging_again_removes_what_is_gone(bare_machine):
    folder = bare_machine / "context"
    context.stage(TRAIN, folder, "cp311")
    (folder / "workloads/src/gone.py").touch()
    context.stage(TRAIN, folder, "cp311")
    assert "workloads/src/gone.py" not in files(folder)


def test_a_wheel_of_torch_is_taken_along_and_keeps_its_own_time(bare_machine, monkeypatch):
    wheels = bare_machine / "wheels"
    wheels.mkdir()
    for version in ("2.9.1", "2.13.0"):
        (wheels / f"torch-{version}+cpu-cp311-cp311-linux_{os.uname().machine}.whl").touch()
    newest = wheels / f"torch-2.13.0+cpu-cp311-cp311-linux_{os.uname().machine}.whl"
    os.utime(newest, (1, 1))
    monkeypatch.setenv("FOREBAY_WHEELS", str(wheels))
    folder = bare_machine / "context"
    context.stage(TRAIN, folder, "cp311")
    assert {name for name in files(folder) if name.endswith(".whl")} == {
        f"requirements/local/{newest.name}"
    }
    assert newest.stat().st_mtime == 1


def test_a_wheel_for_another_python_stays_out(bare_machine, monkeypatch):
    (bare_machine / f"torch-2.13.0+cpu-cp312-cp312-linux_{os.uname().machine}.whl").touch()
    monkeypatch.setenv("FOREBAY_WHEELS", str(bare_machine))
    context.stage(TRAIN, bare_machine / "context", "cp311")
    assert not [name for name in files(bare_machine / "context") if name.endswith(".whl")]


def test_pips_index_and_certificate_are_handed_over(bare_machine, monkeypatch):
    bundle = bare_machine / "bundle.pem"
    bundle.write_text("a certificate")
    settings = {"index-url": "https://index.test/simple", "cert": str(bundle), "user": "true"}
    monkeypatch.setattr(machine, "pip_settings", lambda: settings)
    machine.prepare(bare_machine, torch=False, python="cp311")
    local = bare_machine / "requirements/local"
    assert (local / "pip.conf").read_text() == (
        "[global]\nindex-url = https://index.test/simple\ncert = /requirements/local/ca.crt\n"
    )
    assert (local / "ca.crt").read_text() == "a certificate"


def test_a_variable_of_pip_wins_over_its_files(monkeypatch):
    listed = "global.timeout='5'\nuser.timeout='6'\n:env:.timeout='7'\nglobal.retries='2'\n"
    monkeypatch.setattr(machine, "attempt", lambda *_: type("Done", (), {"stdout": listed}))
    machine.pip_settings.cache_clear()
    try:
        assert machine.pip_settings() == {"timeout": "7", "retries": "2"}
    finally:
        machine.pip_settings.cache_clear()
