"""One case in a process of its own: `python case.py < TASK` prints what it took. Called by run.py.

The task is JSON: module and class of the peer, verb, the place, tables, shape and number of rows. A small table is
read or written first, so that connections, statements and pools are there when the clock starts.
"""

import gc
import importlib
import json
import sys
import time

import rows


def clocked(work, *arguments):
    """What it returned, its wall time, and the CPU time of all threads of this process."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    found = work(*arguments)
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main():
    """Prints one line of JSON."""
    task = json.load(sys.stdin)
    peer = getattr(importlib.import_module(task["module"]), task["peer"])(
        task["ref"], task["shape"]
    )
    table, warm, count = task["table"], task["warm"], task["rows"]
    if task["verb"] == "read":
        peer.read(warm, task["warmRows"])
        found, seconds, cpu = clocked(peer.read, table, count)
        seen = rows.totals(peer.columns(found))
    else:
        peer.write(warm, peer.prepared(task["warmRows"]))
        _, seconds, cpu = clocked(peer.write, table, peer.prepared(count))
        seen = {}
    seconds -= getattr(peer, "waited", 0.0)
    peer.close()
    print(json.dumps({"seconds": seconds, "cpu": cpu, **seen}))


if __name__ == "__main__":
    main()
