"""`forebay-serve`: what a serving pod runs. Reads the serve document, loads the artefact by digest, listens.

It listens only after the model was loaded and has answered once, so a readiness probe that succeeds means
a model that works. A model that cannot be served leaves its reason in the termination message.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

from forebay_workloads import contract
from forebay_workloads.contract import Result, ServeDocument
from forebay_workloads.errors import ConfigError, StageError
from forebay_workloads.termination import leave

DRAIN_SECONDS = 10


def _document() -> ServeDocument:
    path = contract.mounted(contract.SERVE_FILE)
    try:
        return ServeDocument.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("ModelLoadFailed", f"{contract.SERVE_FILE}: {error}") from error


def _listen(document: ServeDocument) -> None:
    # All are looked at when these packages are imported, hence before the imports below.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="forebay-metrics-")
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

    import uvicorn  # noqa: PLC0415

    from forebay_workloads.registry import artifact  # noqa: PLC0415
    from forebay_workloads.serve import keys, openapi, service  # noqa: PLC0415
    from forebay_workloads.serve.guard import Guard  # noqa: PLC0415
    from forebay_workloads.serve.served import Served  # noqa: PLC0415
    from forebay_workloads.stores import open_store  # noqa: PLC0415

    with open_store(document.store) as store:
        files = artifact.load(store, document.key, document.digest)
    served = Served(document, files)
    app = Guard(service.build(served), openapi.describe(served), keys=keys.read(document.rest))
    host = os.environ.get("FOREBAY_HOST", "0.0.0.0")  # noqa: S104 - a pod's own address
    print(f"serving {served.version} {served.digest}", flush=True)  # noqa: T201 - the pod's log
    uvicorn.run(
        app,
        host=host,
        port=contract.port("http", 3000),
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def main() -> int:
    """Returns the exit code."""
    try:
        _listen(_document())
    except StageError as error:
        print(f"{error.reason}: {error.message}", file=sys.stderr, flush=True)  # noqa: T201
        leave(Result(reason=error.reason, message=error.message))
        return error.exit_code
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the reason must reach status; uvicorn exits
        traceback.print_exc()
        leave(Result(reason="ModelLoadFailed", message=f"{type(error).__name__}: {error}"[:512]))
        return 1
    return contract.EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
