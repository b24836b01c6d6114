"""Which DataStores live on a claim, where it is mounted, and what the claim is that the operator makes."""

import pytest

from forebay.kube.port import PVC, Ref
from forebay.manifests.claim import claim_object, claim_of, claim_ref
from forebay.manifests.stores import store_ref, store_volumes
from forebay.settings import Settings
from tests.unit.plan_serving.world import cassandra, datastore

HERE = Settings(plane="embedded", state_dir="/state")
CLUSTER = Settings(claim="default", claim_size="1Gi", storage_class="slow")
OWN = {"name": "shop-data", "size": "20Gi", "storageClassName": "fast"}


def embedded(name="local", **block):
    return datastore(name, type="embedded", embedded=block)


def files(url, **block):
    return datastore("downloads", type="files", files={"url": url, **block})


@pytest.mark.parametrize(
    "store", [embedded(), embedded(path="stores/shared.db"), files("data/"), files(".")]
)
def test_a_store_that_is_a_file_lives_on_a_claim_in_a_cluster_and_on_none_here(store):
    assert claim_of(store, CLUSTER).name == "default"
    assert claim_of(store, HERE) is None
    assert claim_ref(store, HERE) is None
    assert store_volumes([store], HERE) == ([], [])


@pytest.mark.parametrize("store", [cassandra(), files("s3://bucket/x"), files("/data")])
def test_a_server_and_an_address_of_its_own_need_no_claim(store):
    assert claim_of(store, CLUSTER) is None
    assert claim_ref(store, CLUSTER) is None
    volumes, _ = store_volumes([store], CLUSTER)
    assert not any("persistentVolumeClaim" in volume for volume in volumes)


def test_what_the_store_says_of_its_claim_wins_over_the_settings():
    claim = claim_of(embedded(claim=OWN), CLUSTER)
    assert (claim.name, claim.size, claim.storage_class) == ("shop-data", "20Gi", "fast")
    partly = claim_of(files("data", claim={"size": "2Gi"}), CLUSTER)
    assert (partly.name, partly.size, partly.storage_class) == ("default", "2Gi", "slow")


@pytest.mark.parametrize(
    ("store", "field", "here", "there"),
    [
        (embedded(), "path", "/state/stores/local.db", "default/stores/local.db"),
        (embedded(path="a/b.db"), "path", "/state/a/b.db", "default/a/b.db"),
        (embedded(claim=OWN), "path", "/state/stores/local.db", "shop-data/stores/local.db"),
        (files("data/"), "url", "/state/data", "default/data"),
        (files("data", claim=OWN), "url", "/state/data", "shop-data/data"),
    ],
)
def test_paths_start_at_the_claims_mount_in_a_cluster(store, field, here, there):
    assert store_ref(store, HERE).settings[field] == here
    told = store_ref(store, CLUSTER).settings
    assert told[field] == f"/var/lib/forebay/{there}"
    assert "claim" not in told
    _, (mount,) = store_volumes([store], CLUSTER)
    assert told[field].startswith(f"{mount['mountPath']}/")


def test_addresses_that_are_absolute_stay_as_they_are():
    assert store_ref(embedded(path="/x.db"), CLUSTER).settings["path"] == "/x.db"
    assert store_ref(files("s3://bucket/x"), CLUSTER).settings["url"] == "s3://bucket/x"


def test_a_folder_of_this_machine_means_nothing_in_a_cluster():
    store = files("data")
    store["metadata"]["annotations"] = {"forebay.dev/base-dir": "/home/me"}
    assert store_ref(store, HERE).settings["url"] == "/home/me/data"
    assert store_ref(store, CLUSTER).settings["url"] == "/var/lib/forebay/default/data"


def test_a_pod_mounts_each_claim_once_beside_the_secrets_of_its_stores():
    stores = [embedded(), files("data"), embedded("other", claim=OWN), cassandra()]
    volumes, mounts = store_volumes(iter(stores), CLUSTER)
    claims = {
        v["persistentVolumeClaim"]["claimName"]: v["name"]
        for v in volumes
        if "persistentVolumeClaim" in v
    }
    assert set(claims) == {"default", "shop-data"}
    assert any("secret" in volume for volume in volumes)
    places = {mount["name"]: mount["mountPath"] for mount in mounts}
    assert set(places) == {volume["name"] for volume in volumes}
    assert places[claims["shop-data"]] == "/var/lib/forebay/shop-data"


def test_the_claim_that_is_made_belongs_to_nobody_so_that_no_deletion_takes_the_data():
    store = embedded(claim=OWN)
    made = claim_object(store, claim_of(store, CLUSTER), CLUSTER)
    assert Ref.of(made) == Ref(PVC, "shop", "shop-data") == claim_ref(store, CLUSTER)
    assert "ownerReferences" not in made["metadata"]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "forebay"}
    assert made["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "20Gi"}},
        "storageClassName": "fast",
    }


def test_without_a_class_the_cluster_chooses_one():
    store = embedded()
    made = claim_object(store, claim_of(store, Settings()), Settings())
    assert "storageClassName" not in made["spec"]
    assert made["spec"]["resources"]["requests"]["storage"] == "10Gi"
