"""Every scene is played once for all tests of this folder."""

import asyncio

import pytest

from tests.component.gitops import files


@pytest.fixture(scope="session")
def _everything(tmp_path_factory):
    return asyncio.run(files.play_all(tmp_path_factory.mktemp("scenes")))


@pytest.fixture(scope="session")
def played(_everything):
    """The last object of each kind, by scene."""
    return _everything[0]


@pytest.fixture(scope="session")
def seen(_everything):
    """Every object after every write of its status, by scene."""
    return _everything[1]
