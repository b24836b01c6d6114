"""`python -m harness.images`: builds, exports and loads the three images; says what each weighs. See docs/images.md."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from functools import cache as once

from harness import load
from harness.cluster.__main__ import cluster
from harness.folders import cache
from harness.images import base, engine
from harness.images.build import Builder, Built
from harness.images.spec import BASE, IMAGES, Image
from harness.shell import CommandError

_MB = 10**6


def main() -> int:
    """1 when an image is larger than it may be."""
    asked = _arguments()
    chosen = engine.choose(asked.engine)

    @once
    def find_base() -> str:
        if asked.base or chosen.identity(BASE) or chosen.pull(BASE):
            return asked.base or BASE
        return base.ensure(chosen)

    builder = Builder(chosen, asked.tag, asked.base or BASE, find_base)
    images = [image for image in IMAGES if image.name in asked.names or not asked.names]
    with (cache("images") / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = [(image, _build(builder, image)) for image in images]
        if cluster().running():
            load.load(*(builder.archive(image) for image in images))
    return _report(built, chosen.program)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make images", description=__doc__)
    parser.add_argument("names", nargs="*", help="of them; none: all", metavar="NAME")
    parser.add_argument("--tag", default=os.environ.get("FOREBAY_TAG") or "dev")
    parser.add_argument("--base", default=os.environ.get("FOREBAY_BASE", ""), help=f"not {BASE}")
    parser.add_argument("--engine", default=os.environ.get("FOREBAY_ENGINE", ""))
    return parser.parse_args()


def _build(builder: Builder, image: Image) -> Built:
    print(f"{image.reference(builder.tag)} …", file=sys.stderr, flush=True)
    return builder.build(image)


def _report(built: list[tuple[Image, Built]], program: str) -> int:
    print(f"{'IMAGE':<34} {'SIZE':>8} {'LIMIT':>8}  BUILT ({program})")
    too_large = 0
    for image, one in built:
        how = f"in {one.seconds:.0f} s" if one.seconds else "unchanged: skipped"
        size = round(one.size / _MB)
        print(f"{one.reference:<34} {size:>5} MB {image.limit:>5} MB  {how}")
        too_large += size > image.limit
    if too_large:
        print("too large: an image weighs more than its limit", file=sys.stderr)
    return int(too_large > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CommandError, RuntimeError) as problem:
        sys.exit(f"images: {problem}")
