# SPDX-License-Identifier: MIT
"""check_baseline.py BUILD: what commit b32816f wrote and said (data/), against the present program.

Speaks TAP.
"""

import configparser
import csv
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import fake_mlflow
import flags
import lists

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE / "data"
# Of results.csv, without what depends on the machine.
COLUMNS = ["epoch", "train_loss", "train_acc", "val_loss", "val_acc", "learning_rate", "grad_norm"]
KINDS = ["lora", "dora", "frozen", "scratch"]
CLASSES = ["Lying", "Standing", "Walking"]
# Trainings round otherwise on other processors; between plain C and AVX-512 no number of these runs
# differs by more than 1e-4.
NEAR_RESULTS, NEAR_PROBABILITIES = 1e-3, 1e-4
# Pictures of this kind are augmented by libvips, of which another version may round otherwise.
AUGMENTED, NEAR_AUGMENTED = "dora", 5e-2
# Features are kept under a name in which these files' times are hashed.
TIME_OF_FILES = 1700000000
ONE_EPOCH = ["--config", "runs/frozen/recipe.ini", "--epochs", "1", "--out", "new"]
CAPTURED = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
# Settings that have another name now: old name -> new name.
RENAMED = {
    "val-part": "val-fraction",
    "test-part": "test-fraction",
    "accumulation": "gradient-accumulation",
    "floor": "min-lr-ratio",
    "smoothing": "label-smoothing",
}
# Settings that are read and mean nothing any more.
WITHOUT_EFFECT = {"threads"}


class Failure(Exception):
    pass


FAILURES = (Failure, OSError, RuntimeError, KeyError, ValueError, subprocess.SubprocessError)


def check(holds, text):
    if not holds:
        raise Failure(text)


def near(a, b, tolerance):
    return math.isfinite(a) and abs(a - b) <= tolerance * max(1, abs(b))


class Checker:
    def __init__(self, build, scratch):
        self.build, self.scratch = lists.Build(build), pathlib.Path(scratch)
        self.number, self.failed = 0, False
        self.trainer = self.build.trainer
        loud = [k for k in os.environ if k.startswith("MLFLOW_") or k.lower().endswith("_proxy")]
        quiet = {k: v for k, v in os.environ.items() if k not in loud}
        self.environment = {**quiet, "LC_ALL": "C.UTF-8", "XDG_CACHE_HOME": f"{scratch}/cache"}

    def point(self, label, function, *arguments):
        self.number += 1
        try:
            function(*arguments)
        except FAILURES as error:
            self.failed = True
            print(f"not ok {self.number} {label}")
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}")
        else:
            print(f"ok {self.number} {label}")
        sys.stdout.flush()

    def run(self, *arguments, cwd=None, status=0):
        """What cow-trainer printed, both streams together."""
        command = [str(a) for a in (self.trainer, *arguments)]
        done = subprocess.run(
            command, cwd=cwd, env=self.environment, text=True, timeout=120, check=False, **CAPTURED
        )
        said = f"{' '.join(command)}\ngave {done.returncode}, not {status}:\n{done.stdout}"
        check(done.returncode == status, said)
        return done.stdout

    def world(self, name):
        """A copy of what runs saw: their /proc/self/cwd, when they are started there."""
        folder = self.scratch / name
        shutil.copytree(DATA / "world", folder)
        for place in ("base", "pictures"):
            for path in (folder / place).rglob("*"):
                os.utime(path, (TIME_OF_FILES, TIME_OF_FILES))
        return folder

    # ---- runs that were stopped

    def goes_on(self, kind, threads):
        world = self.world(f"{kind}-{threads}")
        run = world / "runs" / kind
        if not threads:
            settings = (run / "recipe.ini").read_text(encoding="utf-8")
            left = re.sub(r"^threads=.*\n", "", settings, flags=re.MULTILINE)
            check(left != settings, "recipe.ini had no threads")
            (run / "recipe.ini").write_text(left, encoding="utf-8")
        began = read_results(run / "results.csv")
        said = self.run("train", "--resume", f"runs/{kind}", cwd=world)
        check("Going on in epoch" in said, f"it began anew:\n{said}")
        whole = read_results(DATA / "whole" / kind / "results.csv")
        now = read_results(run / "results.csv")
        check(0 < len(began) < len(now), f"{len(began)} epochs became {len(now)}")
        tolerance = NEAR_AUGMENTED if kind == AUGMENTED and other_vips() else NEAR_RESULTS
        compare_results(now, whole, tolerance)
        check(now[-1]["val_acc"] >= 0.6, f"accuracy {now[-1]['val_acc']}, hardly above chance")
        card = json.loads((run / "best" / "cowbehavior.json").read_text(encoding="utf-8"))
        check(card["classes"] == CLASSES, f"classes {card['classes']}")
        self.says(world, kind, run / "best", tolerance)

    def is_evaluated(self, kind):
        """The settings beside an adapter tell its pictures and its base."""
        world = self.world(f"{kind}-eval")
        self.run("eval", "--adapter", f"runs/{kind}/best", "--out", "eval", cwd=world)
        found = json.loads((world / "eval" / "results.json").read_text(encoding="utf-8"))
        what = (found["pictures"], found["split"])
        check(what == (3, "test"), f"evaluated on {what}")

    # ---- adapters

    def says(self, world, kind, adapter, tolerance):
        model = [] if kind == "scratch" else ["--model", "base"]
        pictures = ["pictures/val", "pictures/test"]
        options = [*model, "--adapter", adapter, "--format", "csv"]
        text = self.run("predict", *pictures, *options, cwd=world)
        now = list(csv.reader(text.splitlines()))
        lines = (DATA / "whole" / kind / "predictions.csv").read_text(encoding="utf-8").splitlines()
        kept = list(csv.reader(lines))
        check(now[0] == kept[0], f"other columns:\n{text}")
        labels, labels_kept = [row[:2] for row in now], [row[:2] for row in kept]
        check(labels == labels_kept, f"other pictures or labels:\n{text}")
        for a, b in zip(now[1:], kept[1:]):
            check(len(a) == len(b), f"{a}: {len(b)} columns were kept")
            pairs = [(float(x), float(y)) for x, y in zip(a[2:], b[2:])]
            check(all(near(x, y, tolerance) for x, y in pairs), f"{a}\nwas {b}")

    def predicts(self, kind):
        world = self.world(f"{kind}-predict")
        self.says(world, kind, DATA / "whole" / kind / "best", NEAR_PROBABILITIES)

    def is_described(self, kind):
        kept = json.loads((DATA / "whole" / kind / "info.json").read_text(encoding="utf-8"))
        now = json.loads(self.run("info", "--json", DATA / "whole" / kind / "best"))
        facts, facts_now = set(), set()
        lists.json_types("info", kept, facts)
        lists.json_types("info", now, facts_now)
        check(not facts - facts_now, "lost: " + ", ".join(sorted(facts - facts_now)))
        for key in ("classes", "kind", "method", "rank", "targets"):
            a, b = now[0].get(key), kept[0].get(key)
            check(a == b, f"{key} is {a}, was {b}")

    # ---- settings

    def same_settings(self, now, kept):
        for group, key, value in kept:
            new = RENAMED.get(key, key)
            if key not in WITHOUT_EFFECT:
                found = [v for g, k, v in now if k == new]
                check(found == [value], f"[{group}] {key}={value} became {found}")

    def reads_recipe(self, path):
        text = lists.output(self.build.program("print-recipe"), path, env=self.environment)
        self.same_settings(settings_of(text), settings_of(path.read_text(encoding="utf-8")))

    def takes_flags(self, which):
        world = self.world(f"flags-{which}")
        shutil.copytree(DATA / "whole" / "lora" / "best", world / "start")
        done = flags.train(which, self.trainer, "out", world, env=self.environment, **CAPTURED)
        check(done.returncode == 0, f"the flags gave {done.returncode}:\n{done.stdout}")
        kept = (DATA / "recipes" / f"flags-{which}.ini").read_text(encoding="utf-8")
        now = (world / "out" / "recipe.ini").read_text(encoding="utf-8")
        self.same_settings(settings_of(now), settings_of(kept))

    def flags_are_all(self):
        kept = (DATA / "lists" / "command-line.txt").read_text(encoding="utf-8")
        options = set(re.findall(r"^train (--[\w-]+)", kept, re.MULTILINE)) - flags.ELSEWHERE
        check(options == flags.names(), f"in one list alone: {sorted(options ^ flags.names())}")

    # ---- features

    def finds_features(self):
        world = self.world("features")
        before = stamps(world / "cache")
        check(len(before) == 2, f"{len(before)} files of features")
        said = self.run("train", *ONE_EPOCH, cwd=world)
        after = stamps(world / "cache")
        check({k: after.get(k) for k in before} == before, "files of features were changed")
        # Features may be computed again where they had to change, and then the user is told.
        again = after.keys() - before.keys()
        told = re.search("features.*(again|anew|recomputed)", said)
        check(not again or told, f"computed again without a word: {sorted(again)}\n{said}")

    def reads_features(self):
        """They are what is trained on: others give other results."""
        world = self.world("features-read")
        for path in (world / "cache").iterdir():
            kept = path.read_bytes()
            end = 8 + int.from_bytes(kept[:8], "little")
            path.write_bytes(kept[:end] + bytes(len(kept) - end))
        before = stamps(world / "cache")
        said = self.run("train", *ONE_EPOCH, cwd=world)
        again = stamps(world / "cache").keys() - before.keys()
        now = read_results(world / "new" / "results.csv")[0]["val_loss"]
        whole = read_results(DATA / "whole" / "frozen" / "results.csv")[0]["val_loss"]
        check(again or not near(now, whole, 1e-2), f"the kept features were not read:\n{said}")

    # ---- what MLflow has not got yet

    def sends_rest(self, name):
        run = self.scratch / name
        shutil.copytree(DATA / "world" / "runs" / name, run)
        server = fake_mlflow.Server()
        state = json.loads((run / "mlflow.json").read_text(encoding="utf-8"))
        lines = (run / "mlflow-spool.jsonl").read_bytes()[state["sent"] :].decode().splitlines()
        items = [next(iter(json.loads(line).items())) for line in lines]
        files = {item["name"]: item["file"] for kind, item in items if kind == "artifact"}
        for i, file in enumerate(files.values()):
            (run / file).parent.mkdir(parents=True, exist_ok=True)
            (run / file).write_text(f"file {i}", encoding="utf-8")
        # The server's address stands in the folder, but its port is another one today.
        (run / "mlflow.json").write_text(json.dumps({**state, "uri": server.uri}), encoding="utf-8")
        said = self.run("track", run)
        check("MLflow has all of it now" in said, said)
        self.compare_sent(server, items, run, files)
        run_id = state.get("run_id", fake_mlflow.RUN_ID)
        check(server.run_ids == {run_id}, f"sent to the runs {server.run_ids}")
        check(("runs/create" in server.calls) == ("run_id" not in state), f"calls: {server.calls}")
        check("nothing waits" in self.run("track", run), "some of it still waits")

    def compare_sent(self, server, items, run, files):
        params = {item["key"]: item["value"] for kind, item in items if kind == "param"}
        check(server.params == params, f"parameters: {server.params}, logged: {params}")
        metrics = [item for kind, item in items if kind == "metric"]
        check(server.metrics == metrics, f"metrics: {server.metrics}, logged: {metrics}")
        sent = {name.split("/artifacts/", 1)[1]: body for name, body in server.artifacts.items()}
        logged = {name: (run / file).read_bytes() for name, file in files.items()}
        check(sent == logged, f"files: {sorted(sent)}, logged: {sorted(files)}")
        updates = [item["status"] for kind, item in items if kind == "status"]
        ends = [update["status"] for update in server.updates]
        check(ends == updates, f"ends: {ends}, logged: {updates}")
        check(metrics and files and updates, "there was nothing to send")

    # ---- names

    def keeps(self, subject):
        kept = (DATA / "lists" / f"{subject}.txt").read_text(encoding="utf-8").splitlines()
        lost = lists.missing(kept, lists.SUBJECTS[subject](self.build))
        if subject == "command-line":
            lost = [line for line in lost if not self.takes_option(line)]
        check(kept and not lost, "lost or changed:\n" + "\n".join(lost))

    def takes_option(self, line):
        """An option may be hidden: before --help, one that is not known is an error."""
        match = re.fullmatch(r"(\w+) (--[\w-]+)( takes a value)?(?:, (-\w))?", line)
        if not match:
            return False
        verb, option, value, short = match.groups()
        words = [f"{option}=1" if value else option]
        if short:
            words += [short, "1"] if value else [short]
        command = [str(self.trainer), verb, *words, "--help"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


# ---- reading ---------------------------------------------------------------------------------


def read_results(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def other_vips():
    version = lists.output("pkg-config", "--modversion", "vips").strip()
    return f"libvips {version}," not in (DATA / "made-by.txt").read_text(encoding="utf-8")


def compare_results(now, kept, tolerance):
    check(len(now) == len(kept), f"{len(now)} epochs, {len(kept)} were kept")
    for row, old in zip(now, kept):
        check(not old.keys() - row.keys(), f"columns are gone: {sorted(old.keys() - row.keys())}")
        for column in COLUMNS:
            a, b = row[column], old[column]
            check(near(a, b, tolerance), f"epoch {old['epoch']:.0f}: {column} {a}, was {b}")


def settings_of(text):
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    parser.optionxform = str
    parser.read_string(text)
    return [(group, *item) for group in parser.sections() for item in parser[group].items()]


def stamps(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def main(build):
    with tempfile.TemporaryDirectory() as scratch:
        checker = Checker(build, scratch)
        for kind in KINDS:
            point = checker.point
            point(
                f"{kind}: a run goes on to the results of a whole one", checker.goes_on, kind, True
            )
            point(f"{kind}: also without threads in its settings", checker.goes_on, kind, False)
            point(
                f"{kind}: eval finds the pictures of an adapter's run", checker.is_evaluated, kind
            )
            point(f"{kind}: an adapter gives the same probabilities", checker.predicts, kind)
            point(f"{kind}: info says as much of it", checker.is_described, kind)
        for path in sorted((DATA / "recipes").glob("*.ini")):
            checker.point(f"recipes: {path.name} means the same", checker.reads_recipe, path)
        for which in flags.OWN:
            checker.point(f"flags: those of {which} mean the same", checker.takes_flags, which)
        checker.point("flags: they are all that there were", checker.flags_are_all)
        checker.point("features: kept ones are found", checker.finds_features)
        checker.point("features: and read", checker.reads_features)
        for name in ("tracked-never", "tracked-half"):
            checker.point(f"mlflow: what waits in {name} arrives", checker.sends_rest, name)
        for subject in lists.SUBJECTS:
            checker.point(f"names: {subject}", checker.keeps, subject)
        print(f"1..{checker.number}")
        return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
