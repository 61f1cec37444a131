#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks kernels in small ways and sees whether the tests on the emulated GPU find it.

    mutants.py list KERNELS [--seed N] [--count N]
    mutants.py run BUILD [--seed N] [--count N] [--only 1,4-6] [--jobs N] [--results FILE]

A mutant is one change of one line of kernels/cuda (KERNELS is that folder). `run` compiles it into
a libcuda-on-cpu.so of its own, beside the build, and runs the test programs of suite `cuda` with
it, until a test fails that passes without it: then it is caught. The build has to be up to date.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LIMIT = 120  # seconds of the processor for a test program; what runs longer hangs
PROGRAMS = ["check-kernels", "check-training", "check-bits"]

Mutant = collections.namedtuple("Mutant", "kind file line before after")


def swap(match, first, second):
    """The text of a match with two of its groups in each other's place."""
    text, begin = match.group(0), match.start()
    a, b = match.span(first), match.span(second)
    return (text[: a[0] - begin] + match.group(second) + text[a[1] - begin : b[0] - begin]
            + match.group(first) + text[b[1] - begin :])


# Each class has patterns and what becomes of a match; None where it is no mutant.
CLASSES = {
    "barrier removed": [
        (re.compile(r"__sync(?:threads|warp) \([^()]*\);"), lambda m: ";"),
    ],
    "index off by one": [
        (re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]"),
         # neither sizes of arrays nor captures
         lambda m: None if re.fullmatch(r"[A-Z_0-9]+|[&=].*", m.group(1))
         else f"[({m.group(1)}) + 1]"),
    ],
    "mask or lane changed": [
        (re.compile(r"(__shfl\w*_sync \([^,]+, [^,]+, )(\w+)"),
         lambda m: f"{m.group(1)}{m.group(2)} / 2"),
        (re.compile(r"0xffffffffu?\b"), lambda m: "0xfffffffeu"),
    ],
    "bound dropped": [
        (re.compile(r"(?<![<\-]) < (?![<=])"), lambda m: " <= "),
        (re.compile(r" >= "), lambda m: " > "),
        (re.compile(r"\bif \((?!constexpr)([^()]|\([^()]*\))*\)"), lambda m: "if (true)"),
        (re.compile(r" && "), lambda m: " || "),
    ],
    "stride swapped": [
        (re.compile(r"\b(\w+(?:\.\w+)*) \* (\w+(?:\.\w+)*) \+ (\w+(?:\.\w+)*)\b"),
         lambda m: swap(m, 1, 3) if m.group(1) != m.group(3) else None),
        (re.compile(r"\* (\w+)\.(rows|cols|width|height|stride|n|m|k)\b"),
         lambda m: f"* ({m.group(1)}.{m.group(2)} + 1)"),
    ],
    "wait left out": [
        (re.compile(r"ck_copy_wait<(\w+)> \(\);"), lambda m: f"ck_copy_wait<{m.group(1)} + 1> ();"),
        (re.compile(r"ck_copy_commit \(\);"), lambda m: ";"),
    ],
    "arithmetic": [
        (re.compile(r" \+= "), lambda m: " -= "),
        (re.compile(r"(?<=[\w)\]]) \+ (?=[\w(])"), lambda m: " - "),
        (re.compile(r"\b(\w+) = 0(?:\.0f)?;"), lambda m: f"{m.group(1)} = 1;"),
    ],
}

# Lines that say nothing to a processor, or are about the compiler.
SKIPPED = re.compile(r"^\s*(?:#|//|/?\*|static_assert|template|enum\b)|^CK_KERNEL|#pragma")


def code_of(line):
    """A line without its comment and texts, which keep their places."""
    return re.sub(r'/\*.*?\*/|//.*|"[^"]*"', lambda m: " " * len(m.group(0)), line)


def find(folder):
    """All mutants of the folder, by class."""
    found = collections.defaultdict(list)
    for path in sorted(folder.glob("*.cu")) + sorted(folder.glob("*-device.h")):
        comment = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if comment or "/*" in line and "*/" not in line:
                comment = "*/" not in line
                continue
            if SKIPPED.search(line):
                continue
            code = code_of(line)
            for kind, patterns in CLASSES.items():
                for pattern, change in patterns:
                    for match in pattern.finditer(code):
                        text = change(match)
                        if text is not None and text != match.group(0):
                            after = line[: match.start()] + text + line[match.end():]
                            found[kind].append(Mutant(kind, path.name, number, line, after))
    return found


def choose(found, seed, count):
    """As many of each class, as far as there are; the order is the seed's."""
    rng = random.Random(seed)
    queues = []
    for kind in CLASSES:
        mutants = list(dict.fromkeys(found[kind]))
        rng.shuffle(mutants)
        queues.append(mutants)
    chosen = []
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


class Build:
    """The build's ways to compile kernels and to link the library."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.root = self.build.parent
        self.commands = {}
        for entry in json.loads((self.build / "compile_commands.json").read_text()):
            if "libcuda-on-cpu-kernels" in entry["output"]:
                self.commands[entry["output"]] = shlex.split(entry["command"])
        deps = subprocess.run(["ninja", "-C", self.build, "-t", "deps", *self.commands],
                              capture_output=True, text=True, check=True).stdout
        self.users = collections.defaultdict(list)  # objects by the name of a file of kernels
        output = None
        for line in deps.splitlines():
            if line and not line.startswith(" ") and ":" in line:
                output = line.split(":")[0]
            elif "kernels/cuda/" in line:
                self.users[os.path.basename(line.strip())].append(output)

    def compile(self, mutant, folder):
        """The mutant's library in a folder; None where it does not compile."""
        changed = folder / "kernels" / "cuda" / mutant.file
        changed.parent.mkdir(parents=True)
        lines = (self.root / "kernels" / "cuda" / mutant.file).read_text().splitlines()
        lines[mutant.line - 1] = mutant.after
        changed.write_text("\n".join(lines) + "\n")
        objects = []
        for output, command in self.commands.items():
            if output not in self.users[mutant.file]:
                objects.append(self.build / output)
                continue
            made = folder / os.path.basename(output)
            words = [word for word in command if word not in ("-MD", "-Werror", "-g")]
            for option in ("-MQ", "-MF"):
                at = words.index(option)
                del words[at : at + 2]
            words[words.index("-o") + 1] = str(made)
            # The folder is looked through before the others.
            first = next(i for i, word in enumerate(words) if word.startswith("-I"))
            words.insert(first, f"-I{folder}")
            if subprocess.run(words, cwd=self.build, capture_output=True).returncode != 0:
                return None
            objects.append(made)
        library = folder / "libcuda-on-cpu.so"
        machine = self.build / "tests/cuda-on-cpu/libcuda-on-cpu-machine.a"
        link = ["c++", "-shared", "-pthread", "-o", library, *objects, "-Wl,--whole-archive",
                machine, "-Wl,--no-whole-archive", "-lboost_context", "-ldl"]
        subprocess.run(link, cwd=self.build, check=True)
        return library


def why(text):
    """What a program said of its failure, in few words."""
    for line in text.splitlines():
        if line.startswith("cuda-on-cpu: ") and "digest" not in line:
            found = re.sub(r"^cuda-on-cpu: |\(thread.*?\)|0x[0-9a-f]+", "", line)
            for word in ("never written", "out of bounds", "nothing that orders",
                         "outside of its array", "not aligned", "waited for", "has ended",
                         "another thread waits", "takes no part", "does not name it", "overflow",
                         "waits for"):
                if word in found:
                    return word
            return found[:60]
    for line in text.splitlines():
        if line.startswith("not ok") and "TODO" not in line:
            return "wrong numbers: " + line[7:50]
    return "hangs" if text.endswith("hangs\n") else "crashes"


def passed(text):
    """The tests that a program says have passed."""
    return {line.split(" - ", 1)[-1] for line in text.splitlines()
            if line.startswith("ok ") and "# TODO" not in line and "# SKIP" not in line}


def start(build, library, program, seed):
    """A program that says each line when it knows it."""
    environment = dict(os.environ, COWBEHAVIOR_CUDA_ON_CPU=str(library), COW_CUDA_SEED=str(seed))
    command = ["prlimit", f"--cpu={LIMIT}", "stdbuf", "-oL",
               build.build / "tests" / "kernels" / program, "cuda-emulated"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")


def run_until_failure(build, library, program, seed, usual):
    """Runs a program until a test fails that usually passes: what it said, and whether one did."""
    said = []
    with start(build, library, program, seed) as process:
        for line in process.stdout:
            said.append(line)
            if line.startswith("not ok ") and line.strip().split(" - ", 1)[-1] in usual:
                process.terminate()
                return "".join(said), True
    text = "".join(said)
    hangs = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    return text + ("hangs\n" if hangs else ""), bool(usual - passed(text))


def programs_for(file):
    """Those that run a file's kernels come first."""
    backward = re.search(r"backward|loss|optimiser|pool|batch-norm|convolution|elementwise", file)
    return PROGRAMS[1:] + PROGRAMS[:1] if backward else PROGRAMS


def test(build, library, seed, usual, mutant):
    """How the mutant was caught, or None. `usual`: what passes without it, by program."""
    for program in programs_for(mutant.file):
        text, failed = run_until_failure(build, library, program, seed, usual[program])
        if failed:
            return f"{program}: {why(text)}"
    return None


def report(results, seed, total):
    """The table of results as Markdown."""
    lines = [f"Seed {seed}, {total} chosen, {len(results)} run.", "",
             "| Class | Mutants | Caught | Do not compile |", "| --- | --- | --- | --- |"]
    for kind in CLASSES:
        own = [r for r in results if r[1].kind == kind]
        if own:
            caught = sum(r[2] == "caught" for r in own)
            broken = sum(r[2] == "no mutant" for r in own)
            lines.append(f"| {kind} | {len(own) - broken} | {caught} | {broken} |")
    lines += ["", "| | Class | Where | Change | Found |", "| --- | --- | --- | --- | --- |"]
    for number, mutant, state, text in results:
        change = f"`{mutant.before.strip()}` -> `{mutant.after.strip()}`".replace("|", "\\|")
        lines.append(f"| {number} | {mutant.kind} | {mutant.file}:{mutant.line} | {change} "
                     f"| {text if state != 'survived' else '**survived**'} |")
    return "\n".join(lines) + "\n"


def try_mutant(build, seed, usual, number, mutant):
    begin = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(dir=build.build))
    try:
        library = build.compile(mutant, folder)
        found = test(build, library, seed, usual, mutant) if library is not None else None
    finally:
        shutil.rmtree(folder)
    state = "no mutant" if library is None else "caught" if found else "survived"
    print(f"{number} {state} {mutant.file}:{mutant.line} {mutant.kind}: {found} "
          f"({time.monotonic() - begin:.0f} s)", flush=True)
    return number, mutant, state, found or "does not compile"


def numbers(text):
    """Those of "1,4-6"."""
    parts = [part.split("-") for part in text.split(",")]
    return {n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)}


def run(args):
    build = Build(args.build)
    chosen = choose(find(build.root / "kernels" / "cuda"), args.seed, args.count)
    only = numbers(args.only or f"1-{len(chosen)}")
    library = build.build / "tests/cuda-on-cpu/libcuda-on-cpu.so"
    usual = {}
    for program in PROGRAMS:
        with start(build, library, program, args.seed) as process:
            usual[program] = passed(process.stdout.read())
    if not all(usual.values()):
        sys.exit("mutants.py: nothing passes without any mutant")
    results = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(try_mutant, build, args.seed, usual, number, mutant)
                for number, mutant in enumerate(chosen, 1) if number in only]
        for done in concurrent.futures.as_completed(runs):
            results.append(done.result())
            if args.results:
                text = report(sorted(results), args.seed, len(chosen))
                pathlib.Path(args.results).write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, place in (("list", "kernels"), ("run", "build")):
        command = commands.add_parser(name)
        command.add_argument(place)
        command.add_argument("--seed", type=int, default=20261130)
        command.add_argument("--count", type=int, default=100)
        if name == "run":
            command.add_argument("--only", default="")
            command.add_argument("--jobs", type=int, default=2)
            command.add_argument("--results")
    args = parser.parse_args()
    if args.command == "run":
        run(args)
        return
    chosen = choose(find(pathlib.Path(args.kernels)), args.seed, args.count)
    for number, mutant in enumerate(chosen, 1):
        print(f"{number} {mutant.kind} {mutant.file}:{mutant.line}\n  - {mutant.before.strip()}\n"
              f"  + {mutant.after.strip()}")


main()
