"""What an `accelerator` block becomes in a pod: resource, conditions on nodes, tolerations, or a claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.manifests.accelerator import limits, placed, requirements
from forebay.manifests.workload import stage_workload
from forebay.settings import Settings
from tests.unit.manifests.test_podspec import TEMPLATES, restricted
from tests.unit.manifests.test_stage_job import LOCAL, a_run

CLUSTER = Settings()
WHOLE = {
    "key": "nvidia.com/gpu.sharing-strategy",
    "operator": "NotIn",
    "values": ["mps", "time-slicing"],
}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

ACCELERATORS = st.one_of(
    st.fixed_dictionaries(
        {"vendor": st.just("nvidia"), "sharing": st.sampled_from(["None", "TimeSlicing", "MPS"])},
        optional={
            "count": st.integers(1, 16),
            "minMemory": st.sampled_from(["64Mi", "10Gi", "80G"]),
        },
    ),
    st.fixed_dictionaries(
        {"sharing": st.just("MIG"), "profile": st.sampled_from(["1g.10gb", "1g.10gb+me"])},
        optional={"minMemory": st.just("8Gi")},
    ),
    st.fixed_dictionaries(
        {"vendor": st.sampled_from(["amd", "intel"])}, optional={"count": st.integers(1, 16)}
    ),
    st.fixed_dictionaries({"vendor": st.just("amd"), "minMemory": st.sampled_from(["1Gi", "1Ti"])}),
    st.fixed_dictionaries(
        {"deviceClass": st.just("gpu.example.com")},
        optional={
            "vendor": st.sampled_from(["nvidia", "amd", "intel"]),
            "count": st.integers(1, 16),
            "selectors": st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8),
            "minMemory": st.just("40Gi"),
        },
    ),
)
TERM = st.fixed_dictionaries(
    {
        "matchExpressions": st.lists(
            st.just({"key": "zone", "operator": "In", "values": ["a"]}), max_size=2
        )
    }
)
AFFINITIES = st.one_of(
    st.just({}),
    st.just({"nodeAffinity": {}}),
    st.lists(TERM, min_size=1, max_size=3).map(
        lambda terms: {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}
    ),
)


def work(settings=CLUSTER, template=None, apis=frozenset(), **accelerator):
    """The objects of a train stage with this accelerator; the last is its Job."""
    block = {"algorithm": "matrix-factorization", "accelerator": accelerator}
    if template is not None:
        block["podTemplate"] = template
    run = a_run(train=block)
    return stage_workload(run, "train", [LOCAL], settings, deadline=60, backoff_limit=2, apis=apis)


def pod_of(objects):
    return objects[-1]["spec"]["template"]


@pytest.mark.parametrize(
    ("accelerator", "wished"),
    [
        (None, {}),
        ({}, {}),
        ({"count": 2}, {"nvidia.com/gpu": 2}),
        ({"vendor": "nvidia", "sharing": "None"}, {"nvidia.com/gpu": 1}),
        ({"sharing": "MIG", "profile": "1g.10gb"}, {"nvidia.com/mig-1g.10gb": 1}),
        ({"sharing": "MIG", "profile": "1g.10gb+me"}, {"nvidia.com/mig-1g.10gb.me": 1}),
        ({"sharing": "TimeSlicing"}, {"nvidia.com/gpu": 1}),
        ({"sharing": "MPS"}, {"nvidia.com/gpu": 1}),
        ({"vendor": "amd"}, {"amd.com/gpu": 1}),
        ({"vendor": "intel", "count": 3}, {"gpu.intel.com/i915": 3}),
        ({"deviceClass": "gpu.nvidia.com"}, {}),
    ],
)
def test_it_becomes_the_resource_of_the_vendors_device_plugin(accelerator, wished):
    assert limits(accelerator, CLUSTER) == wished


def test_a_cluster_whose_plugin_renames_shared_devices_says_so_by_a_setting():
    renamed = Settings(gpu_shared_resource="nvidia.com/gpu.shared")
    assert limits({"sharing": "MPS"}, renamed) == {"nvidia.com/gpu.shared": 1}
    assert limits({}, renamed) == {}
    assert limits({"count": 1}, renamed) == {"nvidia.com/gpu": 1}


def test_the_embedded_plane_asks_for_nothing_and_lets_the_stage_decide():
    local = Settings(plane="embedded")
    assert limits({"count": 1}, local) == {}
    (job,) = work(local, count=1)
    (main,) = pod_of([job])["spec"]["containers"]
    assert "tolerations" not in pod_of([job])["spec"]
    assert "FOREBAY_ACCELERATOR" not in {e["name"] for e in main.get("env") or []}


@pytest.mark.parametrize(
    ("accelerator", "wished"),
    [
        ({"count": 1}, [WHOLE]),
        ({"sharing": "MPS"}, [{**WHOLE, "operator": "In", "values": ["mps"]}]),
        ({"sharing": "TimeSlicing"}, [{**WHOLE, "operator": "In", "values": ["time-slicing"]}]),
        (
            {"minMemory": "10Gi"},
            [WHOLE, {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["10239"]}],
        ),
        (
            {"minMemory": "10G"},  # 9536.74 MiB: 9537 will do, 9536 will not
            [WHOLE, {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["9536"]}],
        ),
        (
            {"sharing": "MIG", "profile": "1g.10gb", "minMemory": "9Gi"},
            [
                WHOLE,
                {"key": "nvidia.com/mig-1g.10gb.memory", "operator": "Gt", "values": ["9215"]},
            ],
        ),
        ({"vendor": "amd"}, []),
        ({"vendor": "intel"}, []),
    ],
)
def test_nodes_are_chosen_by_the_labels_of_the_vendors_feature_discovery(accelerator, wished):
    assert requirements(accelerator) == wished


def test_sizes_of_amd_devices_are_texts_so_every_size_that_will_do_is_written_out():
    (rule,) = requirements({"vendor": "amd", "minMemory": "64Gi"})
    assert (rule["key"], rule["operator"]) == ("amd.com/gpu.vram", "In")
    assert {"64G", "191G", "288G"} <= set(rule["values"])
    assert "63G" not in rule["values"]
    (large,) = requirements({"vendor": "amd", "minMemory": "2Ti"})
    assert large["values"] == ["2048G"]


@given(AFFINITIES)
def test_the_users_terms_stay_and_each_gets_our_conditions_too(affinity):
    made = placed({"affinity": affinity}, {"minMemory": "10Gi"}, CLUSTER)
    terms = made["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    own = (affinity.get("nodeAffinity") or {}).get(REQUIRED, {}).get("nodeSelectorTerms")
    ours = requirements({"minMemory": "10Gi"})
    if own is None:
        assert terms == [{"matchExpressions": ours}]
        return
    for before, after in zip(own, terms, strict=True):
        said = before["matchExpressions"]  # without one, a term matches no node and must go on so
        assert after["matchExpressions"] == ([*said, *ours] if said else [])


def test_taints_of_the_device_are_borne_beside_the_users_own():
    own = {"key": "team", "operator": "Exists"}
    spec = pod_of(work(template={"tolerations": [own]}, sharing="MIG", profile="2g.20gb"))["spec"]
    assert spec["tolerations"][0] == own
    keys = [t["key"] for t in spec["tolerations"][1:]]
    assert keys == ["nvidia.com/gpu", "nvidia.com/mig-2g.20gb"]


def test_the_runtime_class_is_the_users_else_the_clusters_else_none():
    cluster = Settings(gpu_runtime_class="nvidia")
    assert "runtimeClassName" not in pod_of(work(count=1))["spec"]
    assert pod_of(work(cluster, count=1))["spec"]["runtimeClassName"] == "nvidia"
    mine = {"runtimeClassName": "kata"}
    assert pod_of(work(cluster, mine, count=1))["spec"]["runtimeClassName"] == "kata"
    (job,) = stage_workload(a_run(), "train", [], cluster, deadline=1, backoff_limit=0)
    assert "runtimeClassName" not in pod_of([job])["spec"]


def test_only_the_stage_that_asks_for_a_device_gets_one():
    run = a_run(train={"algorithm": "matrix-factorization", "accelerator": {"count": 1}})
    for stage in ("ingest", "preprocess", "evaluate", "publish", "predict", "report"):
        (job,) = stage_workload(run, stage, [LOCAL], CLUSTER, deadline=1, backoff_limit=0)
        (main,) = pod_of([job])["spec"]["containers"]
        assert "limits" not in main["resources"]
        assert "affinity" not in pod_of([job])["spec"]


def test_the_stage_is_told_that_it_must_find_the_device():
    (main,) = pod_of(work(vendor="amd"))["spec"]["containers"]
    assert {"name": "FOREBAY_ACCELERATOR", "value": "amd"} in main["env"]


def test_a_device_class_becomes_a_claim_of_each_pod():
    template, job = work(
        deviceClass="gpu.example.com", count=2, selectors=["a == b"], minMemory="40Gi"
    )
    assert template["kind"] == "ResourceClaimTemplate"
    assert template["metadata"]["name"] == job["metadata"]["name"]
    assert template["metadata"]["ownerReferences"][0]["kind"] == "PipelineRun"
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    exactly = request["exactly"]
    assert (exactly["deviceClassName"], exactly["count"]) == ("gpu.example.com", 2)
    own, memory = (entry["cel"]["expression"] for entry in exactly["selectors"])
    assert own == "a == b"
    assert "quantity('40Gi')" in memory
    spec = job["spec"]["template"]["spec"]
    (claim,) = spec["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == template["metadata"]["name"]
    assert spec["containers"][0]["resources"]["claims"] == [{"name": claim["name"]}]
    assert "limits" not in spec["containers"][0]["resources"]
    assert "affinity" not in spec


@given(ACCELERATORS, TEMPLATES, AFFINITIES, st.sampled_from(["cluster", "embedded"]))
def test_S01_whatever_devices_are_asked_for_the_pod_meets_the_restricted_standard(
    accelerator, template, affinity, plane
):
    merged = {**template, "affinity": affinity}
    restricted(pod_of(work(Settings(plane=plane), merged, **accelerator)))
