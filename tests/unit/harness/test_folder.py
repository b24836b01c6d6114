"""The state folder: only what a cluster made is ever removed."""

import pytest
from harness.cluster.bare import Bare


def test_a_folder_of_something_else_is_neither_taken_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    cluster = Bare(tmp_path)
    with pytest.raises(RuntimeError, match="CLUSTER_DIR"):
        cluster._claim()
    for end in (cluster.down, cluster.wipe):
        with pytest.raises(RuntimeError, match="nothing was ended"):
            end()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_a_cluster_took_goes_with_it(tmp_path):
    cluster = Bare(tmp_path / "state")
    assert not cluster.running()
    cluster._claim()
    cluster._claim()
    cluster.wipe()
    assert not (tmp_path / "state").exists()
    cluster.wipe()
