# SPDX-License-Identifier: MIT
"""Times cow-trainer and its peers in turns and prints ratios; compare.sh starts it.

In each round everything has its turn, so that what else the machine does hits all alike. A ratio is
the median over the rounds of the ratios within a round."""

import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
TRAINER = BUILD / "trainer" / "cow-trainer"
FORMULA = BUILD / "pipelines" / "demo" / "cow-formula-model"
RENDER = BUILD / "pipelines" / "demo" / "cow-render-barn"
GIANT = "vit7b16"
GIANT_LAYERS = 40
SCRATCH = {"resnet18": 32, "vit-small": 32}  # recipe: batch
PRECISIONS = ["fp32", "int16"]  # of training
METHODS = ["qlora", "dora"]


def run(*command):
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"compare: {' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


# ---- turns -----------------------------------------------------------------------------------


def median_seconds(call, options):
    """The median of the calls of a turn; the first one warms up, unless it takes the whole turn."""
    clock = time.process_time if options.cpu_time else time.perf_counter
    start = clock()
    call()
    first = clock() - start
    if first >= options.seconds:
        return first
    taken = []
    while not taken or sum(taken) < options.seconds:
        start = clock()
        call()
        taken.append(clock() - start)
    return statistics.median(taken)


def take_turns(contestants, rounds, title):
    """contestants: name to a function that gives the seconds of a picture. Name to a list of them,
    by round."""
    taken = {name: [] for name in contestants}
    for number in range(rounds):
        for name, turn in contestants.items():
            say(f"{title}: round {number + 1} of {rounds}, {name}")
            taken[name].append(turn())
    return taken


def print_row(title, taken, ours, show):
    """The first of `ours` is what the others are compared with."""
    best = ours[0]
    cells = []
    for name, seconds in taken.items():
        cell = show(statistics.median(seconds))
        if name not in ours:
            ratio = statistics.median(s / o for s, o in zip(seconds, taken[best]))
            cell += f" ({ratio:.2f}x)"
        cells.append(f"{name} {cell}")
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


# ---- passes ----------------------------------------------------------------------------------


def our_pass(folder, batch, precision, options):
    """A turn of ours: the median of a short run of bench."""

    def turn():
        text = run(
            TRAINER, "bench", "--model", folder, "--batch", batch, "--precision", precision,
            "--threads", options.threads, "--seconds", options.seconds, "--json",
        )  # fmt: skip
        time_of = "cpu_ms_per_picture" if options.cpu_time else "ms_per_picture"
        return json.loads(text)["variants"][0][time_of] / 1e3

    return turn


def peer_pass(name, folder, batch, options):
    call = peers.PASSES[name](folder, batch, options.threads)
    return lambda: median_seconds(call, options) / batch


def write_model(size, work, options, *more, layers=None):
    if size == GIANT:
        more = [*more, "--layers", str(layers or options.giant_layers)]
    folder = work / (size + "".join(more))
    if not folder.exists():
        run(FORMULA, size, folder, *more)
    return folder


def of_the_giant(few, more, layers):
    """The turn of a network of 40 layers out of those of one of 1 layer and one of 1 + `layers`.
    The last layer is not like the others: we compute the class tokens alone there."""

    def turn():
        first = few()
        return first + (more() - first) * (GIANT_LAYERS - 1) / layers

    return turn


def passes_of(size, batch, work, options, layers=None):
    """Name to turn; ours come first."""
    plain = write_model(size, work, options, layers=layers)
    storage = ["--nf4"] if options.storage == "nf4" else []
    ours = write_model(size, work, options, *storage, layers=layers)
    names = [n for n in options.peers if not (size == GIANT and n == "openvino-int8")]
    contestants = {f"ours {p}": our_pass(ours, batch, p, options) for p in options.precision}
    contestants.update((name, peer_pass(name, plain, batch, options)) for name in names)
    return contestants


def compare_passes(size, work, options):
    for batch in options.batch:
        if size == GIANT:
            few = passes_of(size, batch, work, options, 1)
            more = passes_of(size, batch, work, options, 1 + options.giant_layers)
            contestants = {n: of_the_giant(few[n], more[n], options.giant_layers) for n in few}
        else:
            contestants = passes_of(size, batch, work, options)
        our_names = list(contestants)[: len(options.precision)]
        title = f"{size}, batch {batch}"
        taken = take_turns(contestants, options.rounds, title)
        print_row(title, taken, our_names, lambda s: f"{1e3 * s:.4g} ms")


# ---- steps -----------------------------------------------------------------------------------


def our_training(recipe, more, batch, pictures, work, options):
    """A turn of ours: the second epoch of a run, in which nothing happens for the first time."""

    def turn():
        with tempfile.TemporaryDirectory(dir=work) as folder:
            out = pathlib.Path(folder) / "run"
            run(
                TRAINER, "train", "--recipe", recipe, *more, "--train", pictures / "train",
                "--val", pictures / "val", "--augment", "none", "--epochs", 2, "--batch", batch,
                "--threads", options.threads, "--patience", 0, "--out", out,
            )  # fmt: skip
            with open(out / "results.csv", encoding="utf-8") as file:
                return 1 / float(list(csv.DictReader(file))[-1]["pictures_per_second"])

    return turn


def our_trainings(recipe, more, batch, pictures, work, options):
    """One for each precision; with the first of them the others are compared."""
    return {
        f"ours {precision}": our_training(
            recipe, [*more, "--precision", precision], batch, pictures, work, options
        )
        for precision in (PRECISIONS[:1] if recipe == "resnet18" else PRECISIONS)
    }


def peer_training(step, batch, options):
    step()  # the first makes what the others find, and a turn may be a single step
    return lambda: median_seconds(step, options) / batch


def per_second(seconds):
    return f"{1 / seconds:.3g}/s"


def compare_adapters(size, pictures, work, options):
    plain, base = (write_model(size, work, options, *more) for more in ([], ["--nf4"]))
    batch = 8
    for checkpointing in (word == "on" for word in options.checkpointing):
        for method in options.methods:
            more = ["--model", base, "--checkpointing", "on" if checkpointing else "off"]
            step = peers.peft_step(plain, batch, method == "dora", checkpointing)
            ours = our_trainings(f"{method}-all-r16", more, batch, pictures, work, options)
            contestants = {**ours, f"peft {method}": peer_training(step, batch, options)}
            title = f"{size} {method}-all-r16, {'with' if checkpointing else 'no'} checkpointing"
            taken = take_turns(contestants, options.rounds, title)
            print_row(title, taken, list(ours), per_second)


def compare_scratch(recipe, pictures, work, options):
    batch = SCRATCH[recipe]
    ours = our_trainings(recipe, [], batch, pictures, work, options)
    torchs = peer_training(peers.scratch_step(recipe, batch), batch, options)
    title = f"{recipe} from scratch, batch {batch}"
    taken = take_turns({**ours, "torch": torchs}, options.rounds, title)
    print_row(title, taken, list(ours), per_second)


def draw_pictures(work, options):
    folder = work / "pictures"
    for name, seed, count in (("train", 1, options.per_class), ("val", 2, 1)):
        run(
            RENDER, "pictures", folder / name, "--size", peers.SIDE, "--seed", seed,
            "--per-class", count,
        )  # fmt: skip
    return folder


# ---- the program -----------------------------------------------------------------------------


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def read_options():
    parser = argparse.ArgumentParser(
        prog="compare.sh",
        description="Times cow-trainer and what a user would take instead, in turns, and prints a "
        "table of times and, in parentheses, how many times as long the others take.",
        epilog="Examples: compare.sh; compare.sh --sizes vitb16 --batch 1 --peers openvino-fp32; "
        "compare.sh --sizes vit7b16 --peers openvino-fp32,bitsandbytes; "
        "compare.sh --sizes vits16 --training",
    )
    number = {"type": float, "metavar": "S"}
    parser.add_argument("--sizes", type=words, default=["vits16", "vitb16"], metavar="SIZE,...")
    parser.add_argument("--batch", type=words, default=["1", "8"], metavar="N,...")
    parser.add_argument(
        "--precision", type=words, default=["auto"], metavar="P,...", help="ours; the first counts"
    )
    parser.add_argument(
        "--peers",
        type=words,
        default=["openvino-fp32", "openvino-int8"],
        metavar="PEER,...",
        help=", ".join(peers.PASSES),
    )
    parser.add_argument("--storage", choices=["nf4", "fp32"], default="nf4", help="of our weights")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", default=1.0, help="of a turn, at least", **number)
    parser.add_argument(
        "--giant-layers", type=int, default=1, metavar="N",
        help="of the 7B beside its last one; the time of N more is taken for each of the 40",
    )
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="compare the processor's time, not the clock's: on a busy machine, with --threads 1",
    )
    parser.add_argument("--training", action="store_true", help="training steps, not passes")
    parser.add_argument(
        "--scratch",
        type=words,
        default=list(SCRATCH),
        metavar="RECIPE,...",
        help="with --training: networks without a base (%(default)s)",
    )
    parser.add_argument(
        "--methods", type=words, default=METHODS, metavar="METHOD,...",
        help="with --training: adapters on --sizes (qlora,dora)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpointing", type=words, default=["off", "on"], metavar="WHEN,...",
        help="with --training: of adapters (off,on)",
    )  # fmt: skip
    parser.add_argument(
        "--per-class", type=int, default=8, metavar="N", help="pictures to train on"
    )
    options = parser.parse_args()
    unknown = [n for n in options.peers if n not in peers.PASSES]
    if unknown:
        parser.error(f"--peers {unknown[0]}: {', '.join(peers.PASSES)} are known")
    for name, given, known in (
        ("methods", options.methods, METHODS),
        ("checkpointing", options.checkpointing, ["off", "on"]),
    ):
        if not set(given) <= set(known):
            parser.error(f"--{name} {','.join(given)}: {', '.join(known)} are known")
    if not all(b.isdigit() and int(b) > 0 for b in options.batch):
        parser.error(f"--batch {','.join(options.batch)}: numbers are expected")
    unknown = [n for n in options.scratch if n not in SCRATCH]
    if unknown:
        parser.error(f"--scratch {unknown[0]}: {', '.join(SCRATCH)} are known")
    if min(options.rounds, options.threads, options.per_class, options.giant_layers) < 1:
        parser.error("--rounds, --threads, --per-class and --giant-layers are at least 1")
    if options.training and options.cpu_time:
        parser.error("--cpu-time is for passes: of a run of ours it is not known by epoch")
    options.batch = [int(b) for b in options.batch]
    return options


def describe(options):
    text = run("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    load = os.getloadavg()[0]
    print(
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {text}, "
        f"{names[0] if names else 'unknown processor'}, {options.threads} threads, "
        f"{options.rounds} rounds, load {load:.1f}, "
        f"{'the processor' if options.cpu_time else 'the clock'}'s time\n",
        flush=True,
    )


def main():
    options = read_options()
    torch.set_num_threads(options.threads)
    describe(options)
    print("| work | times, and of others how many times as long they take |\n|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if not options.training:
            for size in options.sizes:
                compare_passes(size, work, options)
            return
        pictures = draw_pictures(work, options)
        for size in options.sizes:
            compare_adapters(size, pictures, work, options)
        for recipe in options.scratch:
            compare_scratch(recipe, pictures, work, options)


if __name__ == "__main__":
    main()
