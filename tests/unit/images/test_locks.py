"""The locks: each package at one version and by its hashes, from wherever the user's index is."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[3] / "requirements"
PACKAGE = re.compile(r"[A-Za-z0-9_.\[\],-]+==[^ ;]+")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def entries(text):
    """Each requirement with the lines that go on with it, comments left out."""
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    return [entry.strip() for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry]


@pytest.mark.parametrize("name", ["operator", "train", "serve", "dev", "build", "bootstrap"])
def test_S21_each_package_has_one_version_and_its_hashes(name):
    found = entries((LOCKS / f"{name}.txt").read_text())
    assert found
    assert [one for one in found if not (PACKAGE.match(one) and HASH.search(one))] == []
