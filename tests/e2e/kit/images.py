"""An image of a user's own on top of the train image, built and loaded as `make images` does it."""

from pathlib import Path

from harness import load
from harness.images import engine

FOLDER = Path(__file__).with_name("user")
IMAGE = "localhost/forebay-test/shop:dev"


def with_user_code(base: str, state: Path) -> str:
    """Builds the image below `user/`, loads it into the cluster, returns its name."""
    chosen, archive = engine.choose(), state / "shop.tar"
    archive.unlink(missing_ok=True)
    chosen.build(IMAGE, FOLDER / "Dockerfile", FOLDER, {"BASE": base})
    chosen.save(IMAGE, archive)
    load.load(archive)
    return IMAGE
