"""Which engine builds, and how its answers are read. No engine runs here."""

import json
from subprocess import CompletedProcess

import pytest
from harness.images import base, build, engine, spec


@pytest.fixture
def working(monkeypatch):
    """Sets which programs answer to `info`."""

    def choose(*names):
        answer = lambda name, *_: CompletedProcess(name, 0 if name in names else 1, "", "")  # noqa: E731
        monkeypatch.setattr(engine, "attempt", answer)

    return choose


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["docker", "podman", "buildah"], "docker"),
        (["podman", "buildah"], "podman"),
        (["buildah"], "buildah"),
    ],
)
def test_the_first_engine_that_answers_builds(working, names, chosen):
    working(*names)
    assert engine.choose().program == chosen


def test_an_engine_asked_for_that_does_not_answer_is_an_error(working):
    working("buildah")
    with pytest.raises(RuntimeError, match="podman does not work here"):
        engine.choose("podman")


@pytest.mark.parametrize(
    ("text", "size"), [("207 MB", 207_000_000), ("1.15 GB", 1_150_000_000), ("766 KB", 766_000)]
)
def test_buildahs_sizes_are_read(monkeypatch, text, size):
    monkeypatch.setattr(engine, "run", lambda *_: f"sha256:abc {text}\n")
    assert engine.Engine("buildah").size("localhost/x:dev") == size


class Fake:
    """An engine that remembers what it was asked to build."""

    def __init__(self):
        self.built = []

    def build(self, reference, *_):
        self.built.append(reference)

    def save(self, _, archive):
        archive.touch()

    def identity(self, _):
        return f"id-{len(self.built)}" if self.built else ""

    def size(self, _):
        return 1


@pytest.fixture
def fake(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build.context.machine, "prepare", lambda *_, **__: None)
    return Fake()


def builder(fake, base="python:3.11-slim", tag="dev"):
    return build.Builder(fake, tag, base, lambda: "found")


def test_an_unchanged_image_is_not_built_again(fake):
    image = spec.IMAGES[2]
    assert builder(fake).build(image).size == 1
    again = builder(fake).build(image)
    assert again.seconds == 0
    assert fake.built == ["localhost/forebay/serve:dev"]


def test_another_base_a_missing_archive_and_a_removed_image_are_reasons_to_build(fake):
    image = spec.IMAGES[2]
    builder(fake).build(image)
    builder(fake, base="other").build(image)
    assert len(fake.built) == 2
    builder(fake, base="other").archive(image).unlink()
    builder(fake, base="other").build(image)
    assert len(fake.built) == 3
    fake.built.append("somebody else's")
    builder(fake, base="other").build(image)
    assert len(fake.built) == 5


def test_a_note_that_cannot_be_read_is_a_reason_to_build(fake, tmp_path):
    image = spec.IMAGES[2]
    builder(fake).build(image)
    (tmp_path / "forebay/images/serve.json").write_text(json.dumps({"digest": "x"}))
    builder(fake).build(image)
    assert len(fake.built) == 2


def test_the_machines_own_mirror_of_the_suite_is_used_and_no_other_source(monkeypatch):
    listed = (
        "Debian|http://mirror.test/debian/|bookworm|main\n"
        "Debian|http://mirror.test/debian/|bookworm|contrib\n"
        "Debian|http://mirror.test/security/|bookworm-security|main\n"
        "Debian|http://mirror.test/debian/|trixie|main\n"
        "Other|http://other.test/|bookworm|main\n"
    )
    monkeypatch.setattr(base, "attempt", lambda *_: CompletedProcess((), 0, listed, ""))
    assert base.mirrors() == [
        "deb http://mirror.test/debian/ bookworm main",
        "deb http://mirror.test/security/ bookworm-security main",
    ]
