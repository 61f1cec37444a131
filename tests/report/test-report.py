#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The counting of results: a failure must never be counted as anything else. Speaks TAP."""

import contextlib
import io
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
import report  # noqa: E402
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


def check_reason():
    count = Count()
    count.add("test", "pass", "1..1\nok 1 gpu # SKIP no GPU here\n")
    return count.skipped == [("test: gpu", "no GPU here")]


def report_of(first, again):
    """What is printed at the end, and the exit status, when these programs ran and ran again."""
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        scripts = os.path.join(folder, "scripts")
        os.mkdir(scripts)
        for log, results in (("testlog.json", first), ("again.json", again)):
            with open(os.path.join(folder, log), "w", encoding="utf-8") as file:
                for name, (result, output) in results.items():
                    test = {"name": f"cow:suite / {name}", "result": result, "stdout": output}
                    file.write(json.dumps(test) + "\n")
        status = report.count(folder, scripts, len(first))
        report.failed(folder)
    return printed.getvalue(), status


BROKEN = ("ERROR", "1..2\nok 1 a\nthe reason\n")
WHOLE = ("OK", "1..2\nok 1 a\nok 2 b\n")


def check_unstable():
    text, status = report_of({"x": BROKEN, "y": WHOLE}, {"x": WHOLE})
    return (
        status == 0
        and "    the reason\n" in text
        and "UNSTABLE: x failed" in text
        and "\n4 passed, 0 failed, 0 skipped\nx\n" in text
    )


def check_failed_twice():
    text, status = report_of({"x": BROKEN, "y": WHOLE}, {"x": BROKEN})
    return status == 1 and "UNSTABLE" not in text and "\n3 passed, 1 failed, 0 skipped\n" in text


def check_much_broken():
    text, status = report_of({name: BROKEN for name in "abcd"}, {})
    return status == 1 and text.endswith("\n4 passed, 4 failed, 0 skipped\n")


def check_needs():
    """A test that finds programs and plugins by folders gets them built, and nothing else."""
    test = {"cmd": ["/b/tests/a", "-p", "x"], "env": {"PATH": "/b/pipelines:/usr/bin", "N": "/b"}}
    paths = report.paths_of(test)
    named = ["/b/tests/a", "/b/pipelines/lib/launch", "/usr/bin/true"]
    others = ["/b/tests/b", "/b/pipelines-2/c", "/b/libx.a"]
    return all(report.is_named(file, paths, "/b") for file in named) and not any(
        report.is_named(file, paths, "/b") for file in others
    )


OTHERS = [
    ("a skip keeps its reason", check_reason),
    ("a test that fails once is named, with its last words", check_unstable),
    ("one that fails twice has failed", check_failed_twice),
    ("many that fail do not run again", check_much_broken),
    ("what a test needs is built", check_needs),
]


def main():
    wrong = 0
    for number, (label, outcome, output, expected) in enumerate(CASES, 1):
        count = Count()
        count.add("test", outcome, output)
        found = (count.passed, len(count.failed), len(count.skipped))
        print(f"{'ok' if found == expected else 'not ok'} {number} {label}")
        if found != expected:
            print(f"# found {found}, expected {expected}")
            wrong += 1
    for number, (label, check) in enumerate(OTHERS, len(CASES) + 1):
        right = check()
        print(f"{'ok' if right else 'not ok'} {number} {label}")
        wrong += not right
    print(f"1..{len(CASES) + len(OTHERS)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
