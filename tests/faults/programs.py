# SPDX-License-Identifier: MIT
"""What is run: programs of ours with the folder that they start from. Paths are relative to that
folder, which is the working folder too."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import trees

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(1, str(SOURCE / "tests" / "readme"))
import timm_hub  # noqa: E402

LABELS = ["Lying", "Standing"]
N_EVENTS = 6


class Program:
    """`argv` is run in a folder that holds `start` ({path: bytes}). `again` is what goes on after
    it failed. `keeps`: what it may leave for that, which the result does not have."""

    title = None
    compared = True  # what it leaves is the same each time
    keeps = re.compile("(?!)")

    def __init__(self, place):
        self.place = place

    def start(self):
        raise NotImplementedError

    def argv(self):
        raise NotImplementedError

    def again(self, folder):
        return self.argv()

    def environment(self):
        return {}

    def problems(self, result, tree, expected):
        """What is wrong with what it said and left, given what it leaves otherwise; part of the
        rules that hold for all are checked by judge.py."""
        return []

    def is_said(self, result, path):
        """Whether it said, with status 0, that this file is missing."""
        return False

    def may_differ(self, line):
        """Whether a line about what a failed run left is no fault."""
        return False

    def resumes(self, folder, runner):
        """Puts right what a failed run left, as a user would."""
        return runner.run(self.again(folder), folder)


class Trainer(Program):
    def verb(self, *words):
        return [self.place.build / "trainer" / "cow-trainer", *words]


class Quantize(Trainer):
    title = "quantize"

    def start(self):
        return self.place.tree("dense", "dense")

    def argv(self):
        return self.verb("quantize", "dense", "out")


class Merge(Trainer):
    title = "merge"

    def start(self):
        return {**self.place.tree("base", "base"), **self.place.tree("night", "night")}

    def argv(self):
        return self.verb(
            *"merge --model base --adapter night --out out --made-up 1".split()
        )


class Train(Trainer):
    """Cached features and a head: two epochs."""

    title = "train"

    def start(self):
        return {**self.place.tree("base", "base"), **self.place.tree("data", "data")}

    def argv(self):
        return self.verb(
            *"train --recipe frozen --model base --data data --out run --epochs 2".split(),
            *["--copies", "1"],
            *["--cache", self.cache(), "--workers", "1"],
        )

    def cache(self):
        return self.place.work / "cache"

    def again(self, folder):
        begun = (folder / "run/last").exists() or (folder / "run/last.previous").exists()
        return self.resume() if begun else self.argv()

    def resume(self):
        return self.verb(
            *"train --resume run --epochs 2 --workers 1 --cache".split(), self.cache()
        )

    def is_said(self, result, path):
        """A run that trained well does not fail for a figure."""
        kind = {"plots": "no figures", "contact-sheet.png": "contact sheet"}
        for name, words in kind.items():
            if name in path and re.search(f"warning: .*{words}", result.err):
                return True
        return False


class Resume(Train):
    """A run that has one epoch, and goes on to the second."""

    title = "resume"

    def start(self):
        return {
            **super().start(),
            **self.place.tree("run", "run"),
            **self.place.tree("cache", "cache"),
        }

    def argv(self):
        return self.resume()

    def again(self, folder):
        return self.resume()


class Eval(Trainer):
    """With everything that it keeps in the adapter's card."""

    title = "eval"

    def start(self):
        return {
            **self.place.tree("base", "base"),
            **self.place.tree("data", "data"),
            **self.place.tree("run", "run"),
        }

    def argv(self):
        return self.verb(
            *"eval --adapter run/best --out run/eval --calibrate --save --workers 1".split(),
            *"--precision fp32".split(),
        )

    def is_said(self, result, path):
        """What was measured does not fail for the curves of a training that is over."""
        curves = re.search(r"run/eval/(accuracy|learning-rate|loss)\.(png|svg)", path)
        return bool(curves) and "no training history" in result.err


class Predict(Trainer):
    title = "predict"

    def start(self):
        return {
            **self.place.tree("base", "base"),
            **self.place.tree("night", "night"),
            **self.place.tree("data", "pictures", "val/"),
            "predictions.csv": b"image_path,label\nearlier,Lying\n",
        }

    def argv(self):
        return self.verb(
            *"predict pictures --model base --adapter night --out predictions.csv".split(),
            *"--format csv".split(),
        )

    def may_differ(self, line):
        """Rows may be missing, which problems () looks at."""
        return line == "predictions.csv is neither the old nor the new one"

    def problems(self, result, tree, expected):
        """Pictures that could not be read are named and left out, with status 1."""
        rows = tree.get("predictions.csv", b"").decode().splitlines()
        all_rows = expected["predictions.csv"].decode().splitlines()
        if result.status == 0 or not rows or rows[0] != all_rows[0]:
            return []
        missing = [row for row in all_rows if row not in rows]
        lines = [f"{row.split(',')[0]} is left out" for row in missing]
        return [
            line
            for row, line in zip(missing, lines)
            if row.split(",")[0].rsplit("/")[-1] not in result.err
        ]


class Features(Trainer):
    title = "features"

    def start(self):
        return {**self.place.tree("base", "base"), **self.place.tree("data", "pictures", "val/")}

    def argv(self):
        return self.verb(*"features pictures --model base --out features.safetensors".split())


class Fetch(Trainer):
    title = "fetch"
    hub = None
    keeps = re.compile(r".*\.part(\.etag)?")

    def start(self):
        Fetch.hub = Fetch.hub or timm_hub.Hub("farm/model")
        return {}

    def argv(self):
        return self.verb("fetch", "farm/model", "--out", "model", "--endpoint", self.hub.address)


class Render(Program):
    title = "render"

    def start(self):
        return {}

    def argv(self):
        return [
            self.place.build / "pipelines/demo/cow-render-barn",
            *"pictures out --style day --per-class 1 --seed 3".split(),
        ]


class Outputs(Program):
    """A pipeline that replaces a picture."""

    title = "outputs"

    def start(self):
        return {"frame.png": b"earlier"}

    def argv(self):
        return [
            self.place.build / "pipelines/cow-launch",
            *"videotestsrc num-buffers=1 ! video/x-raw,width=32,height=32 ! pngenc !".split(),
            *"filesink location=frame.png".split(),
        ]


class Publish(Program):
    """Events to a file that has half a line at its end, with rotation: each is in a file once, or
    is counted as queued or dropped."""

    title = "publish"
    compared = False
    EARLIER = b'{"earlier":1}\n{"half'

    def start(self):
        return {"events.jsonl": self.EARLIER}

    def argv(self):
        return [
            "gst-launch-1.0",
            "-m",
            *f"videotestsrc num-buffers={N_EVENTS} is-live=false !".split(),
            *"video/x-raw,width=96,height=64,framerate=8/1 !".split(),
            *"cowbehavior model=drawn-cows adapter=drawn-cows-day !".split(),
            *"cowpublish source=barn file=events.jsonl max-file-size=1000 max-files=20 !".split(),
            "fakesink",
        ]

    def events(self, tree):
        """The frames' times, and the lines that are none."""
        times, broken = [], []
        for data in tree.values():
            for line in data.split(b"\n"):
                try:
                    times += [json.loads(line).get("timestamp", "earlier")] if line.strip() else []
                except ValueError:
                    broken.append(line)
        return times, broken

    def counted(self, result, name):
        """A number of the last message."""
        told = re.findall(rf"{name}\\=\\\(guint64\\\)(\d+)", result.out)
        return int(told[-1]) if told else 0

    def after_loss(self, folder, runner):
        """The lines behind the last sync are lost or broken; the next run joins nothing to them."""
        _, before = self.events(trees.read(folder))
        result = runner.run(self.argv(), folder)
        times, broken = self.events(trees.read(folder))
        problems = [f"the next run fails: {result.err}"] if result.status else []
        problems += [f"not a line: {line[:60]!r}" for line in broken if line not in before]
        if len(set(times)) - 1 != N_EVENTS or "earlier" not in times:
            problems.append(f"{len(set(times)) - 1} events there")
        return problems

    def problems(self, result, tree, expected):
        if result.status != 0 and "cowpublish, file" not in result.out:
            wrote = tree["events.jsonl"] != self.EARLIER
            return ["it failed, and wrote something"] if wrote else []
        times, broken = self.events(tree)
        dropped = self.counted(result, "queued") + self.counted(result, "dropped")
        problems = [f"not a line: {line[:60]!r}" for line in broken if line != b'{"half']
        if len(set(times)) != len(times):
            problems.append("an event is there twice")
        if "earlier" not in times:
            problems.append("what was there before is lost")
        if len(set(times)) - 1 + dropped != N_EVENTS:
            problems.append(f"{len(set(times)) - 1} events there, {dropped} dropped")
        if dropped and "WARNING" not in result.err + result.out:
            problems.append("nothing is said of what was dropped")
        return problems


ALL = [Quantize, Merge, Train, Resume, Eval, Predict, Features, Fetch, Render, Outputs, Publish]


class Place:
    """Makes what programs start from, once, in a folder of the test's."""

    def __init__(self, root, build):
        self.root, self.build = root, build
        self.work = root / "work"  # always the same: runs keep the paths of base and pictures
        self.made = {}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "MLFLOW_", "GST_", "COW_"))
            and not name.lower().endswith("_proxy")
        }
        self.environment.update(
            LC_ALL="C.UTF-8",
            OMP_NUM_THREADS="1",
            CUDA_VISIBLE_DEVICES="",
            GST_PLUGIN_PATH=f"{build}/gst-plugin",
            GST_REGISTRY=f"{root}/registry",
            GST_REGISTRY_FORK="no",
            COWBEHAVIOR_PATH=f"{SOURCE}/pipelines/demo/model",
            HOME=f"{root}/home",
        )
        subprocess.run(
            ["gst-inspect-1.0", "fakesink"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.make()

    def call(self, *words):
        subprocess.run(
            [str(word) for word in words],
            env=self.environment,
            cwd=self.work,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pictures(self):
        self.call(
            self.build / "pipelines/demo/cow-render-barn",
            *"pictures drawn --style day --per-class 4 --seed 1".split(),
        )
        drawn = trees.read(self.work / "drawn")
        chosen = {}
        for label in LABELS:
            for i, path in enumerate(sorted(p for p in drawn if p.startswith(f"{label}/"))):
                if not path.endswith("/"):
                    chosen[f"{'train' if i % 2 else 'val'}/{path}"] = drawn[path]
        return chosen

    def make(self):
        """A base in 4 bits, an adapter, both as one dense network, pictures, a run of one epoch."""
        (self.root / "home").mkdir()
        trainer = self.build / "trainer" / "cow-trainer"
        models = SOURCE / "pipelines/demo/model"
        self.work.mkdir()
        self.made["base"] = trees.read(models / "drawn-cows")
        self.made["night"] = trees.read(models / "drawn-cows-night")
        self.made["data"] = self.pictures()
        for name, tree in self.made.items():
            trees.write(self.work / name, tree)
        self.call(
            trainer,
            *"merge --model base --adapter night --out dense --made-up 1".split(),
        )
        self.call(
            trainer,
            *"train --recipe frozen --model base --data data --out run --epochs 1".split(),
            *["--copies", "1", "--cache", self.work / "cache", "--workers", "1"],
        )
        for name in ["dense", "run", "cache"]:
            self.made[name] = trees.read(self.work / name)

    def tree(self, name, place, below=""):
        """{path: bytes} of what was made, for a folder called `place`."""
        made = self.made[name]
        return {
            f"{place}/": b"",
            **{f"{place}/{p[len(below):]}": made[p] for p in made if p.startswith(below)},
        }

    def begin(self, tree):
        """The working folder with this in it, and nothing else."""
        shutil.rmtree(self.work)
        trees.write(self.work, tree)
        return self.work
