import pytest

from tests.component.reconcile.cluster import Cluster


@pytest.fixture
async def cluster(tmp_path):
    made = Cluster(tmp_path / "forebay.db")
    yield made
    await made.kube.close()
