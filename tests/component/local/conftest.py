import pytest

from tests.component.local.kit import World, alive, kill


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "state")
    yield made
    left = [pid for pid in made.pids() if alive(pid)]
    for pid in left:
        kill(pid)
    assert not left, "the test left processes behind"
