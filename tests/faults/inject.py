# SPDX-License-Identifier: MIT
"""Failure injection: a program runs again and again, and each time another operation on a file
fails. Judged is what it says, what it leaves, and what the next run makes of that."""
import errno
import os
import pathlib
import re

import disk
import preload
import trees

# What of each kind is tried; the first of each is what the quick part takes.
CAUSES = {
    "open": [("EMFILE", "once"), ("EIO", "once"), ("EINTR", "once")],
    "create": [("ENOSPC", "once"), ("EROFS", "readonly"), ("ENFILE", "once"), ("EINTR", "once")],
    "read": [("EIO", "once"), ("EINTR", "often"), ("short", "often"), ("EIO", "always")],
    "write": [
        ("ENOSPC", "always"),
        ("EIO", "once"),
        ("EINTR", "often"),
        ("short", "often"),
        ("ENOSPC", "once"),
        ("EIO", "disk"),
        ("EROFS", "readonly"),
    ],
    "sync": [("EIO", "once"), ("EINTR", "often"), ("ENOSPC", "once"), ("EIO", "disk")],
    "rename": [("EIO", "once"), ("ENOSPC", "once"), ("EROFS", "readonly"), ("EIO", "always")],
    "close": [("EIO", "once"), ("EINTR", "once")],
    "truncate": [("EIO", "once"), ("EINTR", "often"), ("EIO", "always")],
    "unlink": [("EIO", "once"), ("EROFS", "readonly")],
    "mkdir": [("ENOSPC", "once"), ("EIO", "once"), ("EROFS", "readonly")],
    "stat": [("EIO", "once"), ("EIO", "always")],
    "list": [("EIO", "once"), ("EMFILE", "once")],
    "map": [("ENOMEM", "once"), ("EIO", "once")],
    "allocate": [("ENOSPC", "once"), ("EIO", "once"), ("EINTR", "once")],
    "lock": [("ENOLCK", "once"), ("EINTR", "once")],
}


# Of what is there, or could be.
UNTRUE = r"does not exist|[Nn]o such file|not a picture|holds no|has no |there is no|not found"
# GLib and GStreamer open a file once. Linux interrupts that for a handler of signals without
# SA_RESTART, of which we have none.
NOT_OURS = r"Failed to open file|for writing\.|Interrupted system call while opening"


def faults_of(seen, quick):
    """Every fault, given how many operations of each kind a whole run has."""
    for kind, causes in CAUSES.items():
        for name, mode in causes[: 1 if quick else None]:
            cause = preload.SHORT if name == "short" else getattr(errno, name)
            for n in range(1, seen[kind] + 1):
                yield preload.Fault(kind, n, cause, mode)


def is_mild(fault):
    """Nothing went wrong: the same again, or the rest, will pass."""
    return fault.cause in (preload.SHORT, errno.EINTR)


class Judge:
    """The rules for one program."""

    def __init__(self, program, runner, place):
        self.program, self.runner, self.place = program, runner, place
        self.start = program.start()
        place.environment.update(program.environment())
        folder, self.log = place.begin(self.start), place.root / f"{program.title}.log"
        whole = runner.run(program.argv(), folder, log=self.log)
        if whole.status != 0:
            raise RuntimeError(f"{program.title} fails without a fault: {whole.err}")
        self.seen, self.expected = whole.seen, trees.read(folder)
        self.versions = self.read_versions()

    # ---- what was said

    def names(self, fault, path):
        """What a message may call the file: its path from some folder on, without what is added to
        a name while it is written. Of many that failed it may be another one."""
        if fault.mode != "once":
            return [name.rstrip("/") for name in {**self.start, **self.expected}]
        plain = re.sub(r"\.cow-[0-9a-f]{16}\.part", "", path)
        parts = pathlib.PurePath(plain).relative_to(self.place.work).parts
        return [str(pathlib.PurePath(*parts[: i + 1])) for i in range(len(parts))] or ["."]

    def is_named(self, fault, result):
        """The folder that a program runs in may be called "."."""
        if any(name in result.err for name in self.names(fault, result.path)):
            return True
        return fault.mode != "once" and bool(re.search(r": \.: ", result.err))

    def said(self, fault, result):
        problems = []
        if fault.kind == "stat" and fault.mode == "always":
            return problems  # nobody can tell what is there
        if fault.cause == errno.EIO and re.search(UNTRUE, result.err):
            problems.append("it says that something is not there, which is not true")
        if not re.search(r"^(cow-trainer|cow-render-barn|ERROR):", result.err, re.M):
            problems.append("no error is printed")
        elif not self.is_named(fault, result):
            problems.append(f"nothing it said names {result.path}")
        return problems

    # ---- what was left

    def read_versions(self):
        """{path: what the file holds after one operation or another}: a run writes some of its
        files after each epoch."""
        drive, versions, known = disk.Disk(self.place.work, self.start), {}, set()
        for operation in disk.read_log(self.log):
            drive.apply(*operation)
            if operation[0] not in ("rename", "exchange"):
                continue
            for path, data in drive.after(True, "whole").items():
                if path in self.expected and (path, data) not in known:
                    known.add((path, data))
                    versions.setdefault(path, []).append(trees.content(path, data))
        return versions

    def damage(self, tree):
        """Files that are neither what was there nor what was to come."""
        lines = []
        for path, data in tree.items():
            new = self.expected.get(path)
            if data in (self.start.get(path), new) or path.endswith("/"):
                continue
            if new is None or self.program.keeps.fullmatch(path):
                continue  # the next run is asked what becomes of it
            try:
                if trees.content(path, data) not in self.versions.get(path, []):
                    lines.append(f"{path} is neither the old nor the new one")
            except trees.Damaged as problem:
                lines.append(f"{path} is damaged: {problem}")
        lines += [f"{path} is lost" for path in self.start if path not in tree]
        return [line for line in lines if not self.program.may_differ(line)]

    def missing(self, result, tree):
        """Status 0: all is there, or it was said."""
        return [
            line
            for line in trees.differences(tree, self.expected)
            if not self.program.is_said(result, line)
        ]

    def compare(self, fault, result, tree):
        problems = []
        if result.status == 0:
            problems += self.missing(result, tree)
        else:
            if is_mild(fault) and not re.search(NOT_OURS, result.err):
                problems.append(f"it fails, status {result.status}")
            problems += self.damage(tree) + self.said(fault, result)
        # A folder that could not be synced is there nevertheless.
        if problems or (result.status != 0 and trees.differences(tree, self.expected)):
            problems = [line for line in problems if not line.endswith("should not be there")]
            folder = self.place.work
            after = self.program.resumes(folder, self.runner)
            if after.status != 0:
                problems.append(f"the next run fails: {after.err.strip()[-300:]}")
            left = trees.differences(trees.read(folder), self.expected)
            problems += [f"after the next run {line}" for line in left]
        return problems

    # ---- a fault

    def judge(self, fault):
        """(whether the fault was reached, problems)"""
        folder = self.place.begin(self.start)
        result = self.runner.run(self.program.argv(), folder, fault)
        if result.failed == 0:
            return False, []
        tree = trees.read(folder)
        if result.status is None:
            return True, ["it does not end"]
        if result.status < 0:
            return True, [f"it is killed by signal {-result.status}: {result.err[-400:]}"]
        problems = self.program.problems(result, tree, self.expected)
        if self.program.compared:
            problems += self.compare(fault, result, tree)
        if problems:
            problems.append(f"[{os.path.relpath(result.path, folder)}; status {result.status}] "
                            f"{result.err.strip()[-300:]}")
        return True, problems
