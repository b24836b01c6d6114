import pytest

from tests.functional.project import Project


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, tmp_path / "state")
    yield made
    if made.state.exists():
        made.down()
