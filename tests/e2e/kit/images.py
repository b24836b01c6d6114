"""An image of a user's own on top of the train image, built and loaded as `make images` does it."""

import shutil
import subprocess
from pathlib import Path

from harness import load

FOLDER = Path(__file__).with_name("user")
IMAGE = "localhost/forebay-test/shop:dev"


def with_user_code(base: str, state: Path) -> str:
    """Builds the image below `user/`, loads it into the cluster, returns its name."""
    archive = state / "shop.tar"
    archive.unlink(missing_ok=True)
    engine = next(name for name in ("docker", "podman", "buildah") if shutil.which(name))
    build = [engine, "build", *(["--isolation", "chroot"] if engine == "buildah" else [])]
    _run(*build, "--build-arg", f"BASE={base}", "-t", IMAGE, str(FOLDER))
    if engine == "buildah":
        _run(engine, "push", IMAGE, f"docker-archive:{archive}:{IMAGE}")
    else:
        _run(engine, "save", "-o", str(archive), IMAGE)
    load.load(archive)
    return IMAGE


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
