"""Rules that the three Dockerfiles keep, whoever edits them."""

import re
import tomllib

import pytest
from harness.folders import ROOT
from harness.images import spec

from tests.unit.images import dockerfile

FILES = [image.dockerfile for image in spec.IMAGES]
ADDRESSES = {"https://download.pytorch.org/whl/cpu", "https://github.com/forebay/forebay"}
pytestmark = pytest.mark.parametrize("file", FILES)


def test_the_base_is_an_argument_with_the_default_that_make_images_knows(file):
    assert dockerfile.instructions(file)[0] == ("ARG", f"BASE={spec.BASE}")


def test_every_stage_begins_with_the_base_or_a_stage_before_it(file):
    known = {"${BASE}"}
    for rest in dockerfile.values(file, "FROM"):
        source, *named = rest.split(" AS ")
        assert source in known
        known.update(named)


def test_S20_no_image_is_taken_at_its_latest(file):
    assert ":latest" not in (ROOT / file).read_text()


def test_S20_the_last_user_is_the_one_that_pods_run_as(file):
    assert dockerfile.values(file, "USER")[-1] == "10001:10001"


def test_nothing_is_added_from_an_address(file):
    assert dockerfile.values(file, "ADD") == []
    found = set(re.findall(r"https?://[^\s\"]+", (ROOT / file).read_text()))
    assert found <= ADDRESSES


def test_no_feature_of_one_engine_is_used(file):
    text = (ROOT / file).read_text()
    assert "# syntax=" not in text
    assert "<<" not in text
    assert not [rest for _, rest in dockerfile.instructions(file) if rest.startswith("--mount")]
    assert not [
        rest for rest in dockerfile.values(file, "COPY") if re.search(r"--(chmod|link)", rest)
    ]


def test_S21_packages_come_by_their_hashes_or_from_the_build_itself(file):
    steps = re.findall(
        r"pip (?:--python \S+ )?(?:install|wheel) .*?(?= && |$)",
        "\n".join(dockerfile.values(file, "RUN")),
        re.MULTILINE,
    )
    assert steps
    for step in steps:
        assert "--no-deps" in step
        assert "--require-hashes" in step or "--no-index" in step or "torch.txt" in step


def test_bytecode_does_not_depend_on_the_time_of_a_file(file):
    steps = re.findall(r"compileall [^&]*", "\n".join(dockerfile.values(file, "RUN")))
    assert steps
    assert all("--invalidation-mode unchecked-hash" in step for step in steps)


def test_only_tmp_is_a_home_and_nothing_is_sent_home(file):
    environment = dict(re.findall(r"(\w+)=(\S+)", dockerfile.values(file, "ENV")[-1]))
    assert environment["HOME"] == "/tmp"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    if "operator" not in file:
        assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    if "serve" in file:
        assert environment["BENTOML_DO_NOT_TRACK"] == "True"
        assert environment["BENTOML_HOME"].startswith("/tmp/")


def test_the_labels_say_what_it_is_and_of_which_version(file):
    label = dockerfile.values(file, "LABEL")[0]
    for key in ("title", "description", "version", "revision", "source", "licenses"):
        assert f"org.opencontainers.image.{key}=" in label
    project = tomllib.loads((ROOT / "operator/pyproject.toml").read_text())["project"]
    assert f"VERSION={project['version']}" in dockerfile.values(file, "ARG")


def test_the_first_stage_is_the_same_in_all_three(file):
    assert dockerfile.stage(file, "tools") == dockerfile.stage(FILES[0], "tools")


def test_what_it_copies_is_staged_and_let_through_by_dockerignore(file):
    image = next(image for image in spec.IMAGES if image.dockerfile == file)
    staged = {*image.paths, "requirements/local"}
    assert dockerfile.copied(file) <= staged
    through = [rule[1:].rstrip("/") for rule in dockerfile.context_rules() if rule.startswith("!")]
    for path in image.paths:
        assert any(path == rule or path.startswith(f"{rule}/") for rule in through), path
        assert (ROOT / path).exists()
