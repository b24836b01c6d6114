"""The verbs that the chart grants are those that the operator calls, no more and no fewer (S02).

Runs last: the calls are those of all other tests, read from the API server's audit log. scripts/e2e.sh tells when
the tests began: an older operator of the same cluster may have called something else.
"""

import json
import os

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.last]
ACCOUNT = "system:serviceaccount:forebay:forebay"
CREATED = 201
SINCE = os.environ.get("FOREBAY_TEST_SINCE", "")  # RFC 3339
EVERYBODY = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")  # granted to all accounts


def called(audit_log):
    """(group, resource, verb) of every request of the operator that the API server allowed."""
    found = set()
    with audit_log.open() as lines:
        for line in lines:
            if ACCOUNT not in line:
                continue
            entry = json.loads(line)
            ref = entry.get("objectRef") or {}
            old = entry["requestReceivedTimestamp"] < SINCE
            if old or entry["user"]["username"] != ACCOUNT or not ref.get("resource"):
                continue
            name = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
            if name not in EVERYBODY:
                group, code = (
                    ref.get("apiGroup", ""),
                    (entry.get("responseStatus") or {}).get("code"),
                )
                found.add((group, name, entry["verb"]))
                if (entry["verb"], code) == ("patch", CREATED):  # an apply of what was not there
                    found.add((group, name, "create"))
    return found


def granted(kubectl):
    """(group, resource, verb) of every rule that is bound to the operator's account."""
    rules = []
    for kind, namespaced in (("clusterrolebindings", False), ("rolebindings", True)):
        text = kubectl("get", kind, "-o", "json", *(["-A"] if namespaced else []))
        for binding in json.loads(text)["items"]:
            subjects = [(s.get("namespace"), s["name"]) for s in binding.get("subjects") or []]
            if ("forebay", "forebay") in subjects:
                rules += rules_of(kubectl, binding)
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups") or []
        for resource in rule.get("resources") or []
        for verb in rule["verbs"]
    }


def rules_of(kubectl, binding):
    """The rules of the role that a binding names."""
    role = binding["roleRef"]
    where = ["-n", binding["metadata"]["namespace"]] if role["kind"] == "Role" else []
    return json.loads(kubectl("get", role["kind"].lower(), role["name"], *where, "-o", "json"))[
        "rules"
    ]


def test_S02_the_operator_calls_what_it_is_granted_and_is_granted_what_it_calls(
    kubectl, operator, audit_log
):
    calls, grants = called(audit_log), granted(kubectl)
    assert calls - grants == set(), "called and not granted"
    assert grants - calls == set(), "granted and not called"
    assert not any("*" in part for grant in grants for part in grant)
