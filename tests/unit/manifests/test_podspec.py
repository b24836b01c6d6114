from hypothesis import given
from hypothesis import strategies as st

from forebay.manifests.podspec import config_map_volume, container, pod_template

TEXT = st.text("abc", min_size=1, max_size=5)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(TEXT, TEXT),
        "annotations": st.dictionaries(TEXT, TEXT),
        "nodeSelector": st.dictionaries(TEXT, TEXT),
        "tolerations": st.lists(st.just({"operator": "Exists"})),
        "affinity": st.just({"nodeAffinity": {}}),
        "priorityClassName": TEXT,
        "runtimeClassName": TEXT,
        "env": st.lists(
            st.fixed_dictionaries({"name": TEXT, "value": TEXT}), unique_by=lambda e: e["name"]
        ),
        "resources": st.fixed_dictionaries(
            {}, optional={"requests": st.just({"cpu": "2"}), "limits": st.just({"memory": "8Gi"})}
        ),
        # what a user must not be able to say; the schema refuses it, and the builder takes no notice
        "hostNetwork": st.just(True),
        "serviceAccountName": st.just("admin"),
        "securityContext": st.just({"runAsUser": 0}),
        "volumes": st.just([{"name": "host", "hostPath": {"path": "/"}}]),
    },
)


def restricted(pod):
    """The rules of the `restricted` Pod Security Standard, and ours."""
    spec = pod["spec"]
    (main,) = spec["containers"]
    security = main["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} <= set(main["resources"]["requests"])
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(spec)
    allowed = {"name", "emptyDir", "configMap", "secret", "projected", "persistentVolumeClaim"}
    assert all(set(v) <= allowed for v in spec["volumes"])
    assert {"name": "tmp", "mountPath": "/tmp"} in main["volumeMounts"]


@given(TEMPLATES)
def test_S01_S08_S27_every_pod_meets_the_restricted_standard_whatever_the_user_says(template):
    main = container("stage", "image", ["run"], template=template)
    pod = pod_template(main, {"forebay.dev/owner-uid": "u"}, template=template)
    restricted(pod)
    assert pod["metadata"]["labels"]["forebay.dev/owner-uid"] == "u"
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName"):
        assert pod["spec"].get(key) == (template.get(key) or None)


def test_the_users_resources_and_environment_are_merged_with_ours():
    template = {
        "resources": {"requests": {"cpu": "4"}, "limits": {"memory": "8Gi"}},
        "env": [{"name": "A", "value": "user"}, {"name": "B", "value": "user"}],
    }
    main = container(
        "stage", "image", ["run"], template=template, limits={"nvidia.com/gpu": 1},
        requests={"memory": "1Gi"}, env=[{"name": "A", "value": "ours"}], ports=[{"containerPort": 3000}],
    )  # fmt: skip
    assert main["resources"] == {
        "requests": {"cpu": "4", "memory": "8Gi"},
        "limits": {"nvidia.com/gpu": 1, "memory": "8Gi"},
    }
    assert main["env"] == [{"name": "B", "value": "user"}, {"name": "A", "value": "ours"}]
    assert main["ports"] == [{"containerPort": 3000}]


def test_annotations_restart_policy_and_files_are_put_in_place():
    volume, mount = config_map_volume("stage", "m", "/etc/x")
    pod = pod_template(
        container("s", "i", ["c"], mounts=[mount]), {}, volumes=[volume],
        annotations={"a": "b"}, restart_policy="Never",
    )  # fmt: skip
    assert pod["metadata"]["annotations"] == {"a": "b"}
    assert pod["spec"]["restartPolicy"] == "Never"
    assert volume in pod["spec"]["volumes"]
