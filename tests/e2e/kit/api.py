"""The cluster's API over `kubectl proxy`: JSON in and out, a few milliseconds a call, for polling and for counting."""

import json
import subprocess
import urllib.error
import urllib.request
from typing import Any, Self

from tests.e2e.kit.kubectl import Kubectl

Obj = dict[str, Any]
_OURS = "apis/forebay.dev/v1alpha1"
_PREFIX = {
    **dict.fromkeys(
        (
            "pods", "services", "events", "configmaps", "secrets", "namespaces", "nodes",
            "persistentvolumes", "persistentvolumeclaims", "serviceaccounts",
        ),
        "api/v1",
    ),
    **dict.fromkeys(("jobs", "cronjobs"), "apis/batch/v1"),
    **dict.fromkeys(("deployments", "replicasets"), "apis/apps/v1"),
    **dict.fromkeys(
        ("datastores", "nosqlpipelines", "pipelineruns", "modelversions", "modeldeployments"),
        _OURS,
    ),
    "resourceclaims": "apis/resource.k8s.io/v1",
    "resourceclaimtemplates": "apis/resource.k8s.io/v1",
}  # fmt: skip
_GONE, _OK = 404, 300


class Api:
    """Use it with `with`: the proxy is a process."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._command = kubectl.command("proxy", "--port=0", "--accept-hosts=.*")

    def __enter__(self) -> Self:
        self._proxy = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout is not None
        said = self._proxy.stdout.readline()  # «Starting to serve on 127.0.0.1:43211»
        self._base = f"http://{said.rsplit(' ', 1)[-1].strip()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.terminate()
        self._proxy.wait(10)
        assert self._proxy.stdout is not None
        self._proxy.stdout.close()

    @property
    def base(self) -> str:
        """Where the proxy listens: every right of an administrator, without a password."""
        return self._base

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """HTTP status and the answer: its JSON, or its text when it is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(f"{self._base}/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(error.read())

    def get(self, plural: str, name: str, namespace: str | None = None) -> Obj | None:
        """The object, or None."""
        code, answer = self.call("GET", f"{folder(plural, namespace)}/{name}")
        if code == _GONE:
            return None
        assert code < _OK, answer
        found: Obj = answer
        return found

    def list(self, plural: str, namespace: str | None = None, labels: str = "") -> list[Obj]:
        """All of a kind, the oldest first."""
        query = f"?labelSelector={labels}" if labels else ""
        code, answer = self.call("GET", folder(plural, namespace) + query)
        assert code < _OK, answer
        return sorted(answer["items"], key=lambda o: str(o["metadata"]["creationTimestamp"]))

    def delete(self, plural: str, name: str, namespace: str, **options: Any) -> None:
        """Deletes in the background; absent is fine."""
        body = {"propagationPolicy": "Background", **options}
        code, answer = self.call("DELETE", f"{folder(plural, namespace)}/{name}", body)
        assert code < _OK or code == _GONE, answer

    def patch(self, plural: str, name: str, namespace: str, body: Obj, part: str = "") -> Obj:
        """Merge patch; `part` is a subresource such as `/status`."""
        path = f"{folder(plural, namespace)}/{name}{part}"
        code, answer = self.call("PATCH", path, body, "application/merge-patch+json")
        assert code < _OK, answer
        changed: Obj = answer
        return changed


def folder(plural: str, namespace: str | None) -> str:
    """The URL path of a kind, in a namespace or in all."""
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{_PREFIX[plural]}{inside}/{plural}"


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
