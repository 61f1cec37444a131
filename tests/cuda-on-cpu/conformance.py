#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test programs on emulated GPUs of several architectures, or in several schedules.

    conformance.py architectures BUILD [--gpus 75,80] [--only check-kernels,...] [--results FILE]
    conformance.py schedules BUILD [--seeds N] [--only check-bits,...] [--results FILE]

One program runs at a time. `architectures`: operations, gradients and bits must pass as each GPU.
`schedules`: those and networks of two blocks must pass with seeds 1 to N, on GPUs of 1, 3 and 40
multiprocessors, and download the same bytes with each. The exit status is 1 where something failed.
Results are written as Markdown.
"""
import argparse
import collections
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

PROCESSORS = [1, 3, 40]
ARCHITECTURES = "75,80,86,87,89,90,100,120"

Program = collections.namedtuple("Program", "name path arguments on_device")

def operations(name, cases=""):
    """A program of tests/kernels, with the cases that match a pattern."""
    return Program(f"{name} {cases}".strip(), f"tests/kernels/{name}",
                   ["cuda-emulated", *([cases] if cases else [])], False)


WHOLE = [operations(name) for name in ("check-kernels", "check-training", "check-bits")]
# The same in parts, the shortest first.
PARTS = [
    operations("check-bits"),
    operations("check-kernels", "[!ls]*"),
    operations("check-training", "[!l]*"),
    operations("check-kernels", "stream-*"),
    operations("check-kernels", "linear-*"),
    operations("check-training", "linear-*"),
]
# Each on the emulated GPU in the place of the CPU.
NETWORKS = [
    Program(f"{program} {case}", f"tests/model/{program}", ["-p", case], True)
    for program, case in (
        ("test-whole", "/whole/engine"),
        ("test-gradients", "/gradients/dora-q"),
        ("test-gradients", "/gradients/dinov3-gated"),
        ("test-gradients", "/gradients/vit"),
        ("test-gradients", "/gradients/resnet18"),
    )
]

Run = collections.namedtuple("Run", "passed cases failed downloads seconds")


def run(build, program, variables):
    """A program once; its failures are printed."""
    environment = dict(
        os.environ,
        COWBEHAVIOR_CUDA_ON_CPU=str(build / "tests/cuda-on-cpu/libcuda-on-cpu.so"),
        COW_TEST_DATA=str(build.parent / "tests" / "data"),
        COW_CUDA_DIGEST="1",
        **variables,
    )
    if program.on_device:
        environment["COWBEHAVIOR_TEST_DEVICE"] = "cuda-emulated"
    before = os.times()
    done = subprocess.run([build / program.path, *program.arguments], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    after = os.times()
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith("not ok")]
    reports = [line for line in lines if line.startswith("cuda-on-cpu: ")]
    if done.returncode != 0:
        print(f"{program.name} {variables}: status {done.returncode}")
        print("\n".join([*failed, *reports][:12]), flush=True)
    downloads = [found.group(1) for line in reports
                 if (found := re.match("cuda-on-cpu: (.* downloads, digest .*)", line))]
    return Run(done.returncode == 0 and downloads != [],
               sum(line.startswith("ok ") for line in lines), len(failed),
               downloads[-1] if downloads else "none",
               after.children_user - before.children_user)


def chosen(programs, args):
    """Those that the command line names, with their cases or without, or all."""
    if not args.only:
        return programs
    names = args.only.split(",")
    for name in names:
        if not any(name in (program.name, program.name.split()[0]) for program in programs):
            sys.exit(f"conformance.py: --only {name}: there are "
                     + ", ".join(program.name for program in programs))
    return [program for program in programs
            if program.name in names or program.name.split()[0] in names]


def architectures(build, args):
    """The table's lines, and whether all passed."""
    lines = ["| GPU | Program | Cases passed | Failed | Downloads | Processor, s |",
             "| --- | --- | --- | --- | --- | --- |"]
    all_passed = True
    for architecture in args.gpus.split(","):
        for program in chosen(WHOLE, args):
            found = run(build, program, {"COW_CUDA_ARCHITECTURE": architecture})
            all_passed &= found.passed
            lines.append(f"| sm_{architecture} | {program.name} | {found.cases} | {found.failed} | "
                         f"{found.downloads} | {found.seconds:.0f} |")
            print(lines[-1], flush=True)
            write(build, args, lines)
    return all_passed


def schedules(build, args):
    """The same."""
    lines = ["| Program | Cases | Downloads | The same in | Processor, s each |",
             "| --- | --- | --- | --- | --- |"]
    all_passed = True
    for program in chosen(PARTS + NETWORKS, args):
        runs = []
        lines.append("")
        for seed in range(1, args.seeds + 1):
            runs.append(run(build, program, {
                "COW_CUDA_SEED": str(seed),
                "COW_CUDA_PROCESSORS": str(PROCESSORS[seed % len(PROCESSORS)])}))
            same = sum(r.passed and r.downloads == runs[0].downloads for r in runs)
            lines[-1] = (f"| `{program.name}` | {runs[0].cases} | {runs[0].downloads} | "
                         f"{same} of {len(runs)} schedules | "
                         f"{sorted(r.seconds for r in runs)[len(runs) // 2]:.0f} |")
            write(build, args, lines)
            all_passed &= same == len(runs)
        print(lines[-1], flush=True)
    return all_passed


def write(build, args, lines):
    """The results, with where they are from."""
    if not args.results:
        return
    model = re.search("model name\\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(["git", "-C", build.parent, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    pathlib.Path(args.results).write_text("\n".join([
        f"{time.strftime('%Y-%m-%d')}, commit {commit}, "
        f"{model.group(1) if model else platform.machine()}.", "", *lines]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("architectures", "schedules"))
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--gpus", default=ARCHITECTURES)
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--results")
    args = parser.parse_args()
    passed = (architectures if args.what == "architectures" else schedules)(args.build, args)
    sys.exit(0 if passed else 1)


main()
