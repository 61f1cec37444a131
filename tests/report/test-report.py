#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The counting of results: a failure must never be counted as anything else. Speaks TAP."""

import sys

sys.dont_write_bytecode = True
from report import Count  # noqa: E402

# What a program printed and how it ended -> passed, failed, skipped.
CASES = [
    ("a program without TAP that succeeds", "pass", "hello\n", (1, 0, 0)),
    ("one that fails", "fail", "hello\n", (0, 1, 0)),
    ("one that skips", "skip", "no GPU here\n", (0, 0, 1)),
    ("three points", "pass", "1..3\nok 1 a\nok 2 b\nok 3 c\n", (3, 0, 0)),
    ("one of them failing", "fail", "1..3\nok 1 a\nnot ok 2 b\nok 3 c\n", (2, 1, 0)),
    ("one of them skipped", "pass", "ok 1 a\nok 2 b # SKIP no GPU\n1..2\n", (1, 0, 1)),
    ("a crash after the first", "fail", "1..3\nok 1 a\n", (1, 1, 0)),
    ("a failing point in a program that returns 0", "pass", "1..1\nnot ok 1 a\n", (0, 1, 0)),
    (
        "nested subtests count once",
        "pass",
        "# Subtest: x\n    ok 1 in\n    1..1\nok 1 x\n1..1\n",
        (1, 0, 0),
    ),
    ("everything skipped at once", "skip", "1..0 # SKIP no GPU\n", (0, 0, 1)),
    ("a known failure", "pass", "1..1\nnot ok 1 a # TODO later\n", (1, 0, 0)),
    ("words that look like points, without a plan", "pass", "ok then\n", (1, 0, 0)),
    ("no output, killed", "fail", "", (0, 1, 0)),
]


def main():
    failed = 0
    for number, (label, outcome, output, expected) in enumerate(CASES, 1):
        count = Count()
        count.add("test", outcome, output)
        found = (count.passed, len(count.failed), len(count.skipped))
        print(f"{'ok' if found == expected else 'not ok'} {number} {label}")
        if found != expected:
            print(f"# found {found}, expected {expected}")
            failed += 1
    count = Count()
    count.add("test", "pass", "1..1\nok 1 gpu # SKIP no GPU here\n")
    found = count.skipped == [("test: gpu", "no GPU here")]
    print(f"{'ok' if found else 'not ok'} {len(CASES) + 1} a skip keeps its reason")
    print(f"1..{len(CASES) + 1}")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
