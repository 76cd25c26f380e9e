"""Waiting for things to happen: generous, because the suite also runs under sanitizers."""
import os
import time

# Seconds; only ever reached by a failure.
PATIENCE = float(os.environ.get("MONOCEROS_TEST_PATIENCE", "180"))
# Of one request: long polls wait for a minute.
REQUEST_S = PATIENCE + 60


def until(probe, what, timeout=PATIENCE, pause=0.05):
    """Calls probe() until it answers something true, and answers that."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
