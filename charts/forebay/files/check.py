"""What `helm test` runs in a pod of the operator's image: is the operator ready, are our kinds served?

Only Python's own library. Arguments: address of the readiness endpoint, then the kinds that must be there.
The last line says what was found; the exit code is 1 when something is missing.
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP = "/apis/forebay.dev/v1alpha1"
PATIENCE = 60.0  # seconds


def is_ready(url: str) -> bool:
    """Whether the operator says that it is ready; False also when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == HTTPStatus.OK
    except OSError:
        return False


def served(api: str, token: str, context: ssl.SSLContext | None) -> set[str]:
    """The kinds of our group that the API server serves; none when it does not know the group."""
    request = urllib.request.Request(api + GROUP, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return {item["kind"] for item in json.load(answer)["resources"]}
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return set()
        raise


def main(arguments: Sequence[str]) -> int:
    """Waits for the operator, then looks once at the API server."""
    url, *kinds = arguments
    end = time.monotonic() + PATIENCE
    while not is_ready(url):
        if time.monotonic() > end:
            print(f"the operator is not ready: {url} did not answer with 200")
            return 1
        time.sleep(1)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    found = served(f"https://{host}:{port}", (ACCOUNT / "token").read_text().strip(), context)
    missing = sorted(set(kinds) - found)
    print(f"not served: {', '.join(missing)}" if missing else "ready, and all kinds are served")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
