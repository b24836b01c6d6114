import copy

from forebay.kube.slim import slim


def pod():
    over = {"exitCode": 0, "message": "{}", "containerID": "c", "reason": "Completed"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"a": "b"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": {}}],
            "ownerReferences": [{"uid": "j"}],
        },
        "spec": {"nodeName": "n", "containers": [{"name": "stage", "env": [{}] * 50}]},
        "status": {
            "phase": "Succeeded",
            "conditions": [{"type": "Ready", "status": "False", "lastProbeTime": None}],
            "containerStatuses": [
                {"name": "stage", "volumeMounts": [{}] * 9, "state": {"terminated": over}}
            ],
            "podIPs": [{"ip": "10.0.0.1"}],
        },
    }


def test_of_a_pod_what_plans_look_at_stays_and_the_rest_goes():
    whole = pod()
    before = copy.deepcopy(whole)
    kept = slim(whole)
    assert whole == before, "what is handed on is not changed"
    assert kept["metadata"] == {
        "name": "p",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"a": "b"},
        "ownerReferences": [{"uid": "j"}],
    }
    assert kept["spec"] == {"nodeName": "n"}
    assert set(kept["status"]) == {"phase", "conditions", "containerStatuses"}
    (container,) = kept["status"]["containerStatuses"]
    assert container["state"]["terminated"]["message"] == "{}"
    assert "volumeMounts" not in container


def test_of_ours_everything_stays_but_other_managers_fields():
    entry = {"manager": "forebay", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    status = {"manager": "forebay", "operation": "Apply", "subresource": "status"}
    run = {
        "apiVersion": "forebay.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"name": "r", "managedFields": [entry, status]},
        "spec": {"template": {"train": {}}},
        "status": {"phase": "Running"},
    }
    kept = slim(run)
    assert (kept["spec"], kept["status"]) == (run["spec"], run["status"])
    assert kept["metadata"]["managedFields"] == [entry]


def test_equal_documents_have_equal_digests_and_others_have_not():
    def doc(text):
        meta = {"name": "c"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": text}}

    assert slim(doc("x")) == slim(doc("x"))
    assert slim(doc("x")) != slim(doc("y"))
    assert "xxxxxxxx" not in str(slim(doc("x" * 99)))
