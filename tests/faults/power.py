# SPDX-License-Identifier: MIT
"""Loss of power: what a program does to the disk is recorded; after each of its operations the
power fails, in several ways. Judged is what is there then, and whether the program goes on."""
import hashlib

import disk
import trees


def states(start, place, log):
    """(after which operation, whether it is the last one, the tree), each tree once."""
    drive, seen, operations = disk.Disk(place, start), set(), list(disk.read_log(log))
    for i, operation in enumerate(operations):
        drive.apply(*operation)
        for names_kept, how in disk.LOSSES:
            tree = drive.after(names_kept, how)
            sum_of = hashlib.sha256()
            for path in sorted(tree):
                sum_of.update(f"{path} {len(tree[path])} ".encode() + tree[path])
            last = i + 1 == len(operations)
            key = sum_of.digest(), last
            if key not in seen:
                seen.add(key)
                where = "names kept" if names_kept else "names lost"
                label = f"{i + 1} {operation[0]} {operation[1].removeprefix(str(place) + '/')}"
                yield f"{label} ({where}, {how})", last, tree


class Judge:
    """The rules for one program; `rules` are those of failure injection."""

    def __init__(self, rules):
        self.rules, self.program, self.place = rules, rules.program, rules.place
        self.log = rules.log

    def states(self):
        yield from states(self.rules.start, self.place.work, self.log)

    def check_log(self):
        """Whether the log tells all: following it leads to what is there."""
        drive = disk.Disk(self.place.work, self.rules.start)
        for operation in disk.read_log(self.log):
            drive.apply(*operation)
        left = drive.after(True, "whole")
        expected = self.rules.expected
        return [path for path in {*left, *expected} if left.get(path) != expected.get(path)]

    def judge(self, last, tree):
        if not self.program.compared:
            return self.program.after_loss(self.place.begin(tree), self.rules.runner)
        problems = self.rules.damage(tree)
        different = trees.differences(tree, self.rules.expected)
        if last:
            lost = [line for line in different if not line.endswith("should not be there")]
            problems += [f"it ended well, and then {line}" for line in lost]
        if not different:
            return problems
        folder = self.place.begin(tree)
        after = self.program.resumes(folder, self.rules.runner)
        if after.status != 0:
            problems.append(f"the next run fails: {after.err.strip()[-400:]}")
        left = trees.differences(trees.read(folder), self.rules.expected)
        return problems + [f"after the next run {line}" for line in left]
