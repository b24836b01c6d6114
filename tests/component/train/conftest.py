import pytest

from .kit import Kit


@pytest.fixture
def kit(tmp_path):
    made = Kit(tmp_path)
    made.prepare()
    return made
