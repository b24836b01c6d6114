"""Client CPU and rates of our adapters beside the vendors' own paths: `python benchmarks/stores/run.py STORE [ROUNDS]`.

One server, the same rows; each case in a process of its own, the ways take turns within each round. Whatever is read or
written is counted and summed up, and a case with other rows than there have to be ends the run.
"""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT)]  # for harness and tests/servers/kit of this checkout

from cases import OURS, READ, ROWS, WARM, WRITE  # noqa: E402 - the path comes first
from harness.servers import life  # noqa: E402
from places import place, server  # noqa: E402

ROUNDS = 5
ENVIRONMENTS = Path(os.environ.get("BENCH_ENVIRONMENTS") or ROOT / ".bench")


def interpreter(way):
    """Python of the way's environment; None when that is not installed."""
    if not way.environment:
        return sys.executable
    found = ENVIRONMENTS / way.environment / "bin/python"
    return str(found) if (ENVIRONMENTS / way.environment / ".ready").exists() else None


def case(way, verb, on, shape, table, warm, count, warm_rows):
    """Figures of one case."""
    task = {"module": way.module, "peer": way.peer, "verb": verb, "ref": on.ref, "shape": shape}
    task |= {"table": table, "warm": warm, "rows": count, "warmRows": warm_rows}
    done = subprocess.run(
        [interpreter(way), str(HERE / "case.py")],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    if done.returncode:
        raise SystemExit(f"{way.name}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    seen = {"rows": found.pop("rows"), "sums": found.pop("sums")} if verb == "read" else None
    check(way, seen or on.totals(table), on.expected(shape, count))
    return found | {"count": count}


def check(way, seen, expected):
    """No figure of other rows than there have to be."""
    if seen != expected:
        raise SystemExit(f"{way.name}: {seen} instead of {expected}")


def measured(name, verb, on, shape, rounds):
    """Way → its figures. The ways take turns, each round beginning with another one."""
    ways = [way for way in (READ if verb == "read" else WRITE)[name] if interpreter(way)]
    count, warm_rows = ROWS[name][shape][verb == "write"], WARM.get(name, 1_000)
    found = {way: [] for way in ways}
    if verb == "read":
        table = on.make(f"read{shape}", shape, count)
        warm = on.make(f"warm{shape}", shape, warm_rows)
    for number in range(rounds):
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            if verb == "write":
                suffix = f"{shape}_{number}_{ways.index(way)}"
                table, warm = on.make(f"write{suffix}", shape), on.make(f"first{suffix}", shape)
            found[way].append(case(way, verb, on, shape, table, warm, count, warm_rows))
    return found


def table(name, verb, shape, found):
    """The figures as Markdown, with our ratios to the best of the vendors' ways."""
    cpu = {w: [c["cpu"] / c["count"] * 1e6 for c in cases] for w, cases in found.items()}
    rate = {
        w: statistics.median(c["count"] / c["seconds"] for c in cases) for w, cases in found.items()
    }
    middle = {way: statistics.median(some) for way, some in cpu.items()}
    peers = [way for way in found if way.name != OURS and not way.limit]
    count = next(iter(found.values()))[0]["count"]
    what = "records of 200 bytes" if name == "kafka" else f"rows of {shape} columns"
    print(f"\n**{name}, {verb}: {count:,} {what}**\n")
    print(
        "| way | CPU s per million (least to most) | rows/s | CPU of ours to it | rate of ours to it |"
    )
    print("|---|---|---|---|---|")
    ours = next(way for way in found if way.name == OURS)
    for way, some in cpu.items():
        note = " (a limit)" if way.limit else ""
        ratios = (
            "| |"
            if way == ours
            else f"| {middle[ours] / middle[way]:.2f} | {rate[ours] / rate[way]:.2f} |"
        )
        print(
            f"| {way.name}{note} | {middle[way]:.1f} ({min(some):.1f} to {max(some):.1f}) | {rate[way]:,.0f} {ratios}"
        )
    for way in (READ if verb == "read" else WRITE)[name]:
        if not interpreter(way):
            print(f"| {way.name} | not installed: make bench-stores installs it | | | |")
    if peers:
        least, most = min(middle[way] for way in peers), max(rate[way] for way in peers)
        print(
            f"\nTo the best vendor path: CPU {middle[ours] / least:.2f}, rate {rate[ours] / most:.2f}.",
            flush=True,
        )


def load():
    """The machine's load, of one, five and fifteen minutes."""
    return " ".join(f"{one:.2f}" for one in os.getloadavg())


def model():
    """Of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (one.partition(":")[2].strip() for one in lines if one.startswith("model name")),
        platform.machine(),
    )


def main():
    """All cases of one store."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in READ:
        raise SystemExit(f"which one? python benchmarks/stores/run.py {'|'.join(READ)} [ROUNDS]")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    own = not os.environ.get(f"FOREBAY_TEST_{name.upper()}") and server(name)
    print(f"\n## {life.recipe(name).product if own else name}\n")
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(
        f"`make bench-stores STORE={name} ROUNDS={rounds}`, {when}, {os.cpu_count()} cores of {model()}, ",
        end="",
    )
    print(
        f"Python {platform.python_version()}; median of {rounds}; load before {load()}", flush=True
    )
    with place(name) as on:
        for shape in ROWS[name]:
            for verb in ("read", "write"):
                table(name, verb, shape, measured(name, verb, on, shape, rounds))
    print(f"\nLoad after: {load()}.", flush=True)


if __name__ == "__main__":
    main()
