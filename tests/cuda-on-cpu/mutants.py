#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks kernels in small ways and sees whether the tests on the emulated GPU find it.

    mutants.py list KERNELS [--seed N] [--count N]
    mutants.py run BUILD [--seed N] [--count N] [--only 1,4-6] [--again] [--results FILE]

A mutant is one change of one line of kernels/cuda (KERNELS is that folder). `run` compiles the
files of kernels that have it, one after the other, into a libcuda-on-cpu.so of its own, and runs
the cases of the test programs that launch their kernels, the shortest first, until one fails: then
it is caught. The build has to be up to date. What was found is kept in the build's folder, and not
asked again, but for what survived with --again.

A mutant that does not compile, or that is known to be equivalent, is replaced by the next of its
class in the seed's order.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shlex
import signal
import subprocess
import sys
import time

PROGRAMS = ["check-kernels", "check-training", "check-bits"]

# Mutants that compute the same, by file, line, and what it was and is; and why.
EQUIVALENT = {
    ("quads-device.h", 16,
     "if (left >= 4 && (reinterpret_cast<uintptr_t> (from) & 15) == 0)",
     "if (left > 4 && (reinterpret_cast<uintptr_t> (from) & 15) == 0)"):
    "equivalent: the last four of a row are loaded one by one, as where they are not aligned",
    ("attention-codes.cu", 392,
     "for (int j = 0; j < TILES; j++)", "for (int j = 0; j <= TILES; j++)"):
    "equivalent: the condition within is false there, since a part has no more keys",
    ("codes-device.h", 88, "__syncwarp ();", ";"):
    "equivalent at the function's end: where `rest` is used again, a barrier of the caller's comes "
    "between",
    ("dropout-device.h", 20,
     "for (int step = 0; step < 3; step++)", "for (int step = 0; step <= 3; step++)"):
    "equivalent: there are at most three steps, and what is beyond them is not taken",
}

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
    """As many of each class, as far as there are, in the seed's order; and what is left of each
    class, to be taken from the end."""
    rng = random.Random(seed)
    queues = {}
    for kind in CLASSES:
        queues[kind] = list(dict.fromkeys(found[kind]))
        rng.shuffle(queues[kind])
    chosen = []
    while len(chosen) < count and any(queues.values()):
        for queue in queues.values():
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen, queues


def why_equivalent(mutant):
    """Why a mutant is, or None."""
    return EQUIVALENT.get((mutant.file, mutant.line, mutant.before.strip(),
                           mutant.after.strip()))


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

    def kernels_of(self, output):
        """The names of the kernels that an object has."""
        data = (self.build / output).read_bytes()
        return {name.decode() for name in re.findall(rb"(ck_cuda_[a-z0-9_]+)_registered", data)}

    def change(self, mutant, folder):
        """The mutant's file in a folder that compilers look through before the others."""
        changed = folder / "kernels" / "cuda" / mutant.file
        changed.parent.mkdir(parents=True, exist_ok=True)
        lines = (self.root / "kernels" / "cuda" / mutant.file).read_text().splitlines()
        assert lines[mutant.line - 1] == mutant.before
        lines[mutant.line - 1] = mutant.after
        changed.write_text("\n".join(lines) + "\n")

    def compile(self, output, folder):
        """An object of the mutant, or None."""
        made = folder / os.path.basename(output)
        words = [word for word in self.commands[output] if word not in ("-MD", "-Werror", "-g")]
        for option in ("-MQ", "-MF"):
            at = words.index(option)
            del words[at : at + 2]
        words[words.index("-o") + 1] = str(made)
        first = next(i for i, word in enumerate(words) if word.startswith("-I"))
        words.insert(first, f"-I{folder}")
        done = subprocess.run(words, cwd=self.build, capture_output=True)
        return made if done.returncode == 0 else None

    def link(self, changed, folder):
        """The library with some objects in the places of others."""
        library = folder / "libcuda-on-cpu.so"
        machine = self.build / "tests/cuda-on-cpu/libcuda-on-cpu-machine.a"
        objects = [changed.get(output, self.build / output) for output in self.commands]
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


Case = collections.namedtuple("Case", "program name seconds kernels")


def start(build, library, program, seed, names=(), limit=600, **more):
    """A program that says each line when it knows it, with a limit of the processor's seconds."""
    environment = dict(os.environ, COWBEHAVIOR_CUDA_ON_CPU=str(library), COW_CUDA_SEED=str(seed),
                       **more)
    command = ["prlimit", f"--cpu={limit}", "stdbuf", "-oL",
               build.build / "tests" / "kernels" / program, "cuda-emulated", *names]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")


def processor_time(pid):
    """Seconds of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def survey(build, library, seed):
    """The cases that pass without any mutant, with their times and the kernels that they launch."""
    cases = []
    for program in PROGRAMS:
        kernels, before = set(), 0
        with start(build, library, program, seed, COW_CUDA_LAUNCHES="1") as process:
            for line in process.stdout:
                if line.startswith("cuda-on-cpu: launch "):
                    kernels.add(line.split()[-1])
                elif re.match("(not )?ok ", line):
                    now = processor_time(process.pid)
                    name = line.strip().split(" - ", 1)[-1].rsplit("/", 1)[0]
                    if line.startswith("ok ") and not re.search("# (TODO|SKIP)", line):
                        cases.append(Case(program, name, round(now - before, 2), sorted(kernels)))
                    kernels, before = set(), now
    return cases


def kept_survey(build, seed):
    """The same, kept as long as programs and kernels are."""
    library = build.build / "tests/cuda-on-cpu/libcuda-on-cpu.so"
    files = [library, *(build.build / "tests" / "kernels" / name for name in PROGRAMS)]
    state = [seed, *(file.stat().st_mtime_ns for file in files)]
    path = build.build / "mutants" / "cases.json"
    kept = json.loads(path.read_text()) if path.exists() else [None, []]
    if kept[0] == state:
        return [Case(*case) for case in kept[1]]
    cases = survey(build, library, seed)
    launched = {kernel for case in cases for kernel in case.kernels}
    for output in build.commands:
        for kernel in sorted(build.kernels_of(output) - launched):
            print(f"no case launches {kernel}", flush=True)
    path.write_text(json.dumps([state, cases]))
    return cases


def fails(build, library, case, seed):
    """What a case said of its failure, or None."""
    said = []
    limit = int(20 + 10 * case.seconds)
    with start(build, library, case.program, seed, [case.name], limit) as process:
        for line in process.stdout:
            said.append(line)
            if line.startswith("not ok "):
                process.terminate()
    text = "".join(said)
    if process.returncode == 0:
        return None
    hangs = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    return f"{case.program} {case.name}: {why(text + ('hangs' + chr(10) if hangs else ''))}"


def try_mutant(build, seed, cases, mutant, folder):
    """How the mutant was caught; None if it survived, "" if it does not compile."""
    build.change(mutant, folder)
    changed = {}
    users = sorted(set(build.users[mutant.file]), key=lambda o: (build.build / o).stat().st_size)
    for output in users:
        changed[output] = build.compile(output, folder)
        if changed[output] is None:
            return ""
        library = build.link(changed, folder)
        kernels = build.kernels_of(output)
        for case in sorted(cases, key=lambda case: case.seconds):
            if kernels.intersection(case.kernels):
                found = fails(build, library, case, seed)
                if found is not None:
                    return found
    return None


def report(slots, replaced, seed):
    """The table of results as Markdown."""
    done = [slot for slot in slots if slot[2] is not None]
    lines = [f"Seed {seed}, {len(slots)} chosen, {len(done)} run.", "",
             "| Class | Mutants | Caught |", "| --- | --- | --- |"]
    for kind in [*CLASSES, "all"]:
        own = [state for _, mutant, state, _ in done if kind in (mutant.kind, "all")]
        if own:
            lines.append(f"| {kind} | {len(own)} | {own.count('caught')} |")
    lines += ["", "| | Class | Where | Change | Found |", "| --- | --- | --- | --- | --- |"]
    for number, mutant, state, text in done:
        text = "**survived**" if state == "survived" else text
        lines.append(f"| {number} | {described(mutant)} | {text} |")
    if replaced:
        lines += ["", "Replaced:", "", "| | Class | Where | Change | Why |",
                  "| --- | --- | --- | --- | --- |"]
        for number, mutant, text in sorted(replaced):
            lines.append(f"| {number} | {described(mutant)} | {text} |")
    return "\n".join(lines) + "\n"


def described(mutant):
    """Cells of a table."""
    change = f"`{mutant.before.strip()}` -> `{mutant.after.strip()}`".replace("|", "\\|")
    return f"{mutant.kind} | {mutant.file}:{mutant.line} | {change}"


def numbers(text):
    """Those of "1,4-6"."""
    parts = [part.split("-") for part in text.split(",")]
    return {n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)}


class Results:
    """What was found of each mutant, kept in a file."""

    def __init__(self, path):
        self.path = path
        self.kept = json.loads(path.read_text()) if path.exists() else {}

    def get(self, mutant):
        return self.kept.get(json.dumps(mutant))

    def put(self, mutant, state, text):
        self.kept[json.dumps(mutant)] = [state, text]
        self.path.write_text(json.dumps(self.kept, indent=1))


def settle(build, args, cases, results, number, mutant):
    """State and text of a mutant, kept or new."""
    kept = results.get(mutant)
    if kept is not None and not (args.again and kept[0] == "survived"):
        return kept
    begin = time.monotonic()
    found = try_mutant(build, args.seed, cases, mutant, build.build / "mutants" / str(number))
    state = "survived" if found is None else "caught" if found else "does not compile"
    results.put(mutant, state, found or "")
    print(f"{number} {state} {mutant.file}:{mutant.line} {mutant.kind}: {found} "
          f"({time.monotonic() - begin:.0f} s)", flush=True)
    return state, found or ""


def run(args):
    build = Build(args.build)
    chosen, left = choose(find(build.root / "kernels" / "cuda"), args.seed, args.count)
    only = numbers(args.only or f"1-{len(chosen)}")
    (build.build / "mutants").mkdir(exist_ok=True)
    results = Results(pathlib.Path(args.kept or build.build / "mutants" / f"{args.seed}.json"))
    cases = kept_survey(build, args.seed)
    print(f"{len(cases)} cases, {sum(case.seconds for case in cases):.0f} s", flush=True)
    if not cases:
        sys.exit("mutants.py: nothing passes without any mutant")
    slots = [[number, mutant, None, ""] for number, mutant in enumerate(chosen, 1)]
    replaced = []
    again = True
    while again:  # a round more for what came in the place of others
        again = False
        for slot in slots:
            number, mutant, state, _ = slot
            if number not in only or state is not None:
                continue
            equal = why_equivalent(mutant)
            state, text = (("equivalent", equal) if equal
                           else settle(build, args, cases, results, number, mutant))
            if state in ("equivalent", "does not compile") and left[mutant.kind]:
                replaced.append((number, mutant, text or state))
                slot[1] = left[mutant.kind].pop()
                again = True
            else:
                slot[2:] = state, text
            if args.results:
                pathlib.Path(args.results).write_text(report(slots, replaced, args.seed))


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
            command.add_argument("--again", action="store_true")
            command.add_argument("--kept", help="a file of what was found, else in BUILD")
            command.add_argument("--results")
    args = parser.parse_args()
    if args.command == "run":
        run(args)
        return
    chosen, _ = choose(find(pathlib.Path(args.kernels)), args.seed, args.count)
    for number, mutant in enumerate(chosen, 1):
        print(f"{number} {mutant.kind} {mutant.file}:{mutant.line}\n  - {mutant.before.strip()}\n"
              f"  + {mutant.after.strip()}")


main()
