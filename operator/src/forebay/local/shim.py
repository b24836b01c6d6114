"""Stands between the plane and one pod process, so that either may die without losing the exit code.

Started by processes.py as `python -S -E shim.py FOLDER ARGV...` in a session of its own. Standard library
only and small: there is one per running pod. It writes FOLDER/exit.json when its child has ended.
"""

import json
import os
import signal
import subprocess
import sys
import time


def main(folder, argv):
    """Runs argv with stdout and stderr in FOLDER/log.txt; leaves {code, finishedAt}."""
    with open(os.path.join(folder, "log.txt"), "ab", buffering=0) as log:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            log.write(f"{argv[0]}: {error.strerror}\n".encode())
            return leave(folder, 127)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    code = child.wait()
    return leave(folder, 128 - code if code < 0 else code)


def leave(folder, code):
    """Whole or not at all: written beside and renamed."""
    path = os.path.join(folder, "exit.json")
    with open(path + ".tmp", "w") as file:
        json.dump({"code": code, "finishedAt": time.time()}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
