"""What the API server refuses before an operator sees it, and that it agrees with `forebay validate`.

The objects are those of the unit tests: a rule that this server reads otherwise than our own CEL shows here.
"""

import json

import pytest

from forebay.kube.port import KINDS
from tests.e2e.kit.api import folder
from tests.unit.api.test_rules import BROKEN, CHANGED, KEPT

pytestmark = pytest.mark.e2e
ROOT = "<nil>"  # the server cannot point a rule at metadata: the message names the field
STANDARD = "in body should "  # the server's own words for a bound of the schema


def refused(api, obj, namespace):
    """What the server says against the object, by field; {} when it takes it."""
    plural = KINDS[obj["apiVersion"], obj["kind"]].plural
    code, answer = api.call("POST", folder(plural, namespace) + "?dryRun=All", obj)
    if code < 300:
        return {}
    causes = (answer.get("details") or {}).get("causes") or []
    return {cause["field"]: cause["message"] for cause in causes}


def test_the_server_takes_every_object_that_keeps_all_rules(api, shared_namespace):
    objects = [obj for group in KEPT.values() for obj in group]
    assert [refused(api, obj, shared_namespace) for obj in objects] == [{}] * len(objects)


@pytest.mark.parametrize("case", BROKEN)
def test_F67_S06_the_server_names_field_and_cure_of_a_broken_rule(api, shared_namespace, case):
    obj, field, piece = BROKEN[case]
    found = refused(api, obj, shared_namespace)
    if ROOT in found:
        assert field in found[ROOT]
    said = found[ROOT if ROOT in found else field]
    assert piece in said or STANDARD in said


@pytest.mark.parametrize("case", CHANGED)
def test_S06_the_server_refuses_a_change_of_what_is_immutable(kubectl, namespace, case):
    old, new, _ = CHANGED[case]
    kubectl.apply([old], namespace)
    done = kubectl.attempt("apply", "-n", namespace, "-f", "-", text=json.dumps(new))
    assert done.returncode != 0
    assert "immutable" in done.stderr
