# SPDX-License-Identifier: MIT
"""Makes operations on files fail in programs of ours, and drops what a loss of power would.

check_faults.py BUILD [--all] [--program NAME]... [--fault "KIND N CAUSE MODE"]...

Speaks TAP: a point for each program. Without --all a part that ends within a minute.
"""
import argparse
import pathlib
import sys
import tempfile

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "report"))
import inject  # noqa: E402
import points  # noqa: E402
import power  # noqa: E402
import preload  # noqa: E402
import programs  # noqa: E402

QUICK_FAULTS, QUICK_STATES = 6, 3  # of each program


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="every fault")
    parser.add_argument("--program", action="append", help="only these")
    parser.add_argument("--part", choices=["inject", "power"], help="only that")
    parser.add_argument("--fault", action="append", help="only these: KIND N CAUSE MODE")
    parser.add_argument("--kind", help="only operations of this kind")
    parser.add_argument("--everything", action="store_true", help="outside the folder too")
    parser.add_argument("--every", type=int, default=1, help="of --all each so manieth")
    return parser.parse_args()


def chosen(options, judge):
    if options.fault:
        return [preload.Fault.parse(fault) for fault in options.fault]
    faults = list(inject.faults_of(judge.seen, not options.all))
    if options.kind:
        faults = [fault for fault in faults if fault.kind == options.kind]
    if options.all:
        return faults[:: options.every]
    stride = max(1, len(faults) // QUICK_FAULTS)
    return faults[::stride][:QUICK_FAULTS]


def injections(test, options, place, runner):
    for kind in programs.ALL:
        if options.program and kind.title not in options.program:
            continue
        judge = inject.Judge(kind(place), runner, place)
        reached, bad = 0, []
        for fault in chosen(options, judge):
            was, problems = judge.judge(fault)
            reached += was
            if problems:
                bad.append(f"{fault}: " + "\n    ".join(problems))
                if options.all:
                    print(f"# {kind.title}: {bad[-1]}", flush=True)
        test.add(not bad, f"{kind.title}: {reached} faults, {len(bad)} violations", *bad)


def losses(test, options, place, runner):
    for kind in programs.ALL:
        if options.program and kind.title not in options.program:
            continue
        judge = power.Judge(inject.Judge(kind(place), runner, place))
        untold, bad = judge.check_log(), []
        every = list(judge.states())
        stride = options.every if options.all else max(1, len(every) // QUICK_STATES)
        tried = every[::stride] if options.all else every[::stride][:QUICK_STATES]
        for label, last, tree in tried:
            problems = judge.judge(last, tree)
            if problems:
                bad.append(f"{label}: " + "\n    ".join(problems))
                if options.all:
                    print(f"# {kind.title}: {bad[-1]}", flush=True)
        notes = [f"the log does not tell of {path}" for path in untold]
        test.add(
            not bad and not untold,
            f"{kind.title}: {len(tried)} of {len(every)} states after a loss of power, "
            f"{len(bad)} violations",
            *notes,
            *bad,
        )


def main():
    options, test = arguments(), points.Points()
    with tempfile.TemporaryDirectory(prefix="cow-faults-") as root:
        place = programs.Place(pathlib.Path(root).resolve(), options.build.resolve())
        library = options.build.resolve() / "tests" / "faults" / "libfaults.so"
        runner = preload.Runner(library, place.environment)
        runner.everything = options.everything
        if options.part != "power":
            injections(test, options, place, runner)
        if options.part != "inject":
            losses(test, options, place, runner)
    print(f"1..{test.number}")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
