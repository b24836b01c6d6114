"""What a stage's pod gets to push progress with, and when it gets nothing."""

from forebay.manifests.job import stage_config_map, stage_job
from forebay.manifests.stage_document import stage_document
from forebay.settings import Settings
from tests.unit.manifests.test_podspec import restricted
from tests.unit.manifests.test_stage_job import LOCAL, a_run

URL = "https://forebay-progress.forebay.svc"
PUSHING = Settings(progress_url=URL, progress_ca="-----BEGIN CERTIFICATE-----\n")


def pod(settings):
    job = stage_job(a_run(), "train", [LOCAL], settings, deadline=60, backoff_limit=1)
    return job["spec"]["template"]


def volume(template):
    found = [v for v in template["spec"]["volumes"] if v["name"] == "progress"]
    return found[0]["projected"]["sources"] if found else None


def test_S03_a_pod_gets_a_token_for_the_endpoint_alone_and_no_other():
    template = pod(PUSHING)
    restricted(template)
    token, ca = volume(template)
    assert template["spec"]["automountServiceAccountToken"] is False
    assert token["serviceAccountToken"] == {
        "audience": "forebay-progress",
        "expirationSeconds": 3600,
        "path": "token",
    }
    assert ca["configMap"]["items"] == [{"key": "progress-ca.crt", "path": "ca.crt"}]
    main = template["spec"]["containers"][0]
    assert {"name": "FOREBAY_PROGRESS", "value": f"{URL}/v1/progress"} in main["env"]
    mount = next(m for m in main["volumeMounts"] if m["name"] == "progress")
    assert mount == {"name": "progress", "mountPath": "/etc/forebay/progress", "readOnly": True}


def test_the_ca_lies_in_the_stages_own_document():
    run = a_run()
    document = stage_document(run, "train", {"local": LOCAL}, PUSHING)
    data = stage_config_map(run, document, PUSHING)["data"]
    assert data["progress-ca.crt"] == PUSHING.progress_ca
    assert "progress-ca.crt" not in stage_config_map(run, document, Settings())["data"]


def test_a_document_without_the_ca_does_not_keep_the_pod_from_its_work():
    _, ca = volume(pod(PUSHING))
    assert ca["configMap"]["optional"] is True


def test_without_an_address_or_on_the_embedded_plane_nothing_is_pushed():
    for settings in (Settings(), Settings(plane="embedded", progress_url=URL)):
        template = pod(settings)
        assert volume(template) is None
        assert "env" not in template["spec"]["containers"][0]
