"""How callers from outside reach a model: rest.gateway and the HTTPRoute that is made of it."""

from __future__ import annotations

from forebay.kube.port import HTTP_ROUTE
from forebay.plan.modeldeployment import plan
from forebay.settings import Settings
from forebay_workloads.contract import ServeDocument
from tests.unit.plan_serving.world import (
    World,
    condition,
    datastore,
    model_deployment,
    model_version,
    words,
)

INSTALLED = frozenset({HTTP_ROUTE.api})


def a_world(gateway, *, installed=True, plane="cluster"):
    rest = {"enabled": True, "port": 3000, "gateway": gateway}
    related = [datastore(), model_version(1, "Production")]
    world = World(model_deployment(rest=rest), related, plan, Settings(plane=plane))
    world.apis = INSTALLED if installed else frozenset()
    world.step()
    return world


def test_a_named_gateway_leads_to_the_service():
    world = a_world({"name": "public", "path": "/"})
    spec = world.child("HTTPRoute", "movies")["spec"]
    assert spec["parentRefs"] == [{"name": "public"}]
    (rule,) = spec["rules"]
    assert rule["backendRefs"] == [{"name": "movies", "port": 80}]
    assert "filters" not in rule
    assert "hostnames" not in spec


def test_listener_and_host_narrow_what_is_led_there():
    world = a_world({"name": "public", "listener": "https", "hostname": "m.example.com"})
    spec = world.child("HTTPRoute")["spec"]
    assert spec["parentRefs"] == [{"name": "public", "sectionName": "https"}]
    assert spec["hostnames"] == ["m.example.com"]


def test_a_path_is_taken_off_on_the_way():
    world = a_world({"name": "public", "path": "/movies"})
    (rule,) = world.child("HTTPRoute")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/movies"}}]
    (cut,) = rule["filters"]
    assert cut["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}


def test_a_gateway_is_no_reason_to_roll_the_pods():
    world = a_world({"name": "public"})
    document = ServeDocument.from_json(world.child("ConfigMap")["data"]["serve.json"])
    assert "gateway" not in document.rest


def test_where_the_gateway_api_is_missing_it_is_said_and_made_up_for_later():
    world = a_world({"name": "public"}, installed=False)
    assert world.names("HTTPRoute") == []
    assert words(world.status, "Warning") == ("True", "OptionalCRDMissing")
    said = condition(world.status, "Warning")["message"]
    for part in ("spec.rest.gateway", "HTTPRoute", "install the Gateway API"):
        assert part in said
    world.apis = INSTALLED
    world.step()
    assert world.names("HTTPRoute") == ["movies"]
    assert words(world.status, "Warning")[0] == "False"


def test_a_missing_kind_comes_before_what_is_not_supported():
    world = a_world({"name": "public"}, installed=False)
    world.edit(profile="Edge")
    world.step()
    found = condition(world.status, "Warning")
    assert found["reason"] == "OptionalCRDMissing"
    assert found["message"].index("rest.gateway") < found["message"].index("spec.profile")


def test_a_route_goes_when_the_spec_names_no_gateway_any_more():
    world = a_world({"name": "public"})
    world.edit(rest={"enabled": True, "port": 3000})
    world.step()
    assert world.names("HTTPRoute") == []


def test_on_the_embedded_plane_there_is_no_route_and_it_is_said():
    world = a_world({"name": "public"}, installed=False, plane="embedded")
    assert world.names("HTTPRoute") == []
    assert words(world.status, "Warning") == ("True", "FieldNotSupportedInMode")
