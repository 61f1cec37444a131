# SPDX-License-Identifier: MIT
"""Points of TAP, as the programs in Python print them; report.py counts them."""
import sys
import time


class Points:
    """What passed, one by one; the program prints 1..{number} at its end."""

    def __init__(self):
        self.number = self.failed = 0

    def add(self, passed, label, *notes):
        """Prints a point, and what is noted of one that failed."""
        self.number += 1
        print(f"{'ok' if passed else 'not ok'} {self.number} {label}")
        if not passed:
            self.failed += 1
            for line in "\n".join(notes).split("\n") if notes else []:
                print(f"# {line}")
        sys.stdout.flush()


def run_check(title, number, check, *arguments):
    """Runs a check, prints its point and its time; returns whether it passed."""
    begun, problem = time.monotonic(), None
    try:
        check(*arguments)
    except Exception as error:  # after any failure the next point can run
        problem = f"{type(error).__name__}: {error}"
    print(f"{'not ok' if problem else 'ok'} {number} {title}\n# {time.monotonic() - begun:.1f} s")
    for line in (problem or "").splitlines():
        print(f"# {line}")
    sys.stdout.flush()
    return not problem
