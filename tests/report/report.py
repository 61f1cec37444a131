#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tells tests/run.sh which tests meson has, and how many single results (TAP points) their logs
hold."""

import glob
import json
import os
import re
import subprocess
import sys

# Indented points belong to a subtest, whose own line follows at the outer level and is the one that
# counts.
POINT = re.compile(
    r"^(ok|not ok)\b(?: *\d+)?[ -]*(.*?)(?:\s# *(SKIP|TODO)\S*\s*(.*))?$", re.IGNORECASE
)
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:# *SKIP\S*\s*(.*))?$", re.IGNORECASE)
# What GLib's tests print of their own accord.
NOISE = re.compile(r"^(ok\b|# (random seed|VIPS-INFO|GLib-DEBUG|Start of|End of)|\s*$)")
SKIPPED_EXIT = 77
MOST_AGAIN = 3  # tests that run again when they failed
MOST_WORDS = 20  # lines of a failed program's output that are printed again at the end
MOST_WIDTH = 300  # of such a line


def introspect(build, what):
    text = subprocess.run(
        ["meson", "introspect", f"--{what}", build], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(text)


def meson_tests(build):
    """[(name, suites)] of a build folder, in meson's order."""
    # Meson calls a suite "project:suite".
    return [
        (t["name"], [s.split(":")[-1] for s in t["suite"]]) for t in introspect(build, "tests")
    ]


def list_tests(build):
    for name, suites in meson_tests(build):
        print(f"{'/'.join(suites)}: {name}")
    return 0


def select(build, scripts, names):
    """Prints "meson NAME" and "script NAME" for what is to run."""
    tests = meson_tests(build)
    chosen, chosen_scripts = [], []
    if not names:
        chosen, chosen_scripts = [n for n, _ in tests], scripts
    for wanted in names:
        found = [n for n, suites in tests if wanted == n or wanted in suites]
        chosen += [n for n in found if n not in chosen]
        if wanted in scripts:
            chosen_scripts.append(wanted)
        elif not found:
            print(
                f"no test or suite is called {wanted}; tests/run.sh --list names them",
                file=sys.stderr,
            )
            return 1
    print("\n".join([f"meson {n}" for n in chosen] + [f"script {n}" for n in chosen_scripts]))
    return 0


def paths_of(test):
    """What a test's command and environment name: files, and folders that programs are found in."""
    values = list(test["cmd"]) + list(test["env"].values())
    return {path for value in values for path in value.split(":") if path}


def is_named(file, paths, build):
    """Whether the file is one of these, or lies below a folder of them that is not all."""
    while file != build and file != "/":
        if file in paths:
            return True
        file = os.path.dirname(file)
    return False


def needs(build, names):
    """Prints what has to be built for these tests, as ninja calls it."""
    build = os.path.realpath(build)
    tests = [test for test in introspect(build, "tests") if test["name"] in names]
    depends = {target for test in tests for target in test["depends"]}
    paths = {path for test in tests for path in paths_of(test)}
    for target in introspect(build, "targets"):
        files = [os.path.realpath(file) for file in target["filename"]]
        if target["id"] in depends or any(is_named(file, paths, build) for file in files):
            print(os.path.relpath(files[0], build))
    return 0


class Count:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []
        self.last_words = {}  # of each program that failed

    def point(self, test, line):
        match = POINT.match(line)
        verdict, title, directive, reason = match.groups()
        title = f"{test}: {title}" if title else test
        directive = (directive or "").upper()
        if directive == "SKIP":
            self.skipped.append((title, reason or "no reason given"))
        elif verdict.lower() == "ok" or directive == "TODO":
            self.passed += 1
        else:
            self.failed.append(title)

    def add(self, test, outcome, output, errors=""):
        """outcome: "pass", "skip" or "fail", of the program as a whole; output, errors: what it
        printed."""
        lines = output.splitlines()
        plan = next((PLAN.match(line) for line in lines if PLAN.match(line)), None)
        points = [line for line in lines if POINT.match(line)] if plan else []
        failed_before = len(self.failed)
        for line in points:
            self.point(test, line)
        if outcome == "fail" and len(self.failed) == failed_before:
            # It crashed, ran out of time or stopped short of its plan.
            self.failed.append(test)
        if len(self.failed) > failed_before:
            words = [line for line in lines if not NOISE.match(line)] + errors.splitlines()
            self.last_words[test] = words[-MOST_WORDS:]
        elif outcome == "skip" and not points:
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            reason = plan.group(2) if plan and plan.group(2) else re.sub("^skipped: *", "", last)
            self.skipped.append((test, reason or "no reason given"))
        elif outcome == "pass" and not points:
            self.passed += 1


def read_logs(pattern):
    """{"project:suite / name": (outcome, output, errors)} of meson's logs."""
    results = {}
    for log in glob.glob(pattern):
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                test = json.loads(line)
                outcome = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}.get(
                    test["result"], "fail"
                )
                results[test["name"]] = (outcome, test.get("stdout", ""), test.get("stderr", ""))
    return results


def short(name):
    return name.split(" / ")[-1]


def read_first(meson_logs):
    # Under a wrapper the file carries its name.
    return read_logs(os.path.join(meson_logs, "testlog*.json"))


def failed(meson_logs):
    """Prints the names of tests that are worth another run: not when much is broken."""
    names = [name for name, result in read_first(meson_logs).items() if result[0] == "fail"]
    if len(names) <= MOST_AGAIN:
        print("".join(f"{short(name)}\n" for name in names), end="")
    return 0


def count(meson_logs, script_logs, expected):
    result = Count()
    tests = read_first(meson_logs)
    again = read_logs(os.path.join(meson_logs, "again.json"))
    unstable = Count()
    for name, first in tests.items():
        if first[0] == "fail" and again.get(name, first)[0] == "pass":
            unstable.add(short(name), *first)
            result.add(short(name), *again[name])
        else:
            result.add(short(name), *first)
    if len(tests) < expected:
        result.failed.append(f"{expected - len(tests)} tests that meson did not run")
    for file in sorted(os.listdir(script_logs)):
        name, ext = os.path.splitext(file)
        if ext != ".status":
            continue
        with open(os.path.join(script_logs, file), encoding="utf-8") as text:
            status = int(text.read())
        with open(
            os.path.join(script_logs, name + ".out"), encoding="utf-8", errors="replace"
        ) as text:
            result.add(name, {0: "pass", SKIPPED_EXIT: "skip"}.get(status, "fail"), text.read())
    for title, reason in result.skipped:
        print(f"skipped: {title}: {reason}")
    # Whoever sees only the end of a long log sees why.
    for test, words in {**unstable.last_words, **result.last_words}.items():
        print(f"the last words of {test}:")
        print("".join(f"    {word[:MOST_WIDTH]}\n" for word in words), end="")
    for name in unstable.last_words:
        print(f"UNSTABLE: {name} failed, and passed when it ran again alone")
    for title in result.failed:
        print(f"FAILED: {title}")
    print(f"{result.passed} passed, {len(result.failed)} failed, {len(result.skipped)} skipped")
    return 1 if result.failed or result.passed + len(result.skipped) == 0 else 0


def main(argv):
    if argv[0] == "list":
        return list_tests(argv[1])
    if argv[0] == "select":
        return select(argv[1], [s for s in argv[2].split(",") if s], argv[3:])
    if argv[0] == "needs":
        return needs(argv[1], argv[2:])
    if argv[0] == "failed":
        return failed(argv[1])
    return count(argv[1], argv[2], int(argv[3]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
