# SPDX-License-Identifier: MIT
"""The scripts for real barns on stand-ins: a few drawn frames, laid out as each set of data is.

check_real.py BUILD

Compares what --convert-only writes with what was drawn, lets cow-trainer read it, and breaks each
layout once, which has to be said. Speaks TAP.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "report"))
import flow
import make_boxes
from points import run_check

FRAMES = 6


class Barn:
    """Drawn frames, and the programs."""

    def __init__(self, build, folder):
        self.folder, self.build = folder, build
        self.trainer = os.path.join(build, "trainer", "cow-trainer")
        self.renderer = os.path.join(build, "pipelines", "demo", "cow-render-barn")
        drawn = os.path.join(folder, "drawn")
        self.run([self.renderer, "frames", drawn, "--count", str(FRAMES)])
        with open(os.path.join(drawn, "annotations.json")) as file:
            coco = json.load(file)
        self.run(f"gst-launch-1.0 -q multifilesrc location={drawn}/%05d.png "
                 f"caps=image/png,framerate=1/1 ! pngdec ! videoconvert ! jpegenc ! "
                 f"multifilesink location={drawn}/%05d.jpg".split())
        names = {entry["id"]: entry["name"] for entry in coco["categories"]}
        self.size = coco["images"][0]["width"], coco["images"][0]["height"]
        # Of each frame its picture and its boxes: left, top, width, height in px, behaviour.
        self.frames = []
        for image in sorted(coco["images"], key=lambda image: image["file_name"]):
            boxes = [(box["bbox"], names[box["category_id"]]) for box in coco["annotations"]
                     if box["image_id"] == image["id"]]
            self.frames.append((f"{drawn}/{image['file_name'][:-4]}.jpg", boxes))

    def run(self, command, *expected):
        environment = os.environ | {"GST_PLUGIN_PATH": os.path.join(self.build, "gst-plugin"),
                                    "COWBEHAVIOR_PATH": os.path.abspath("pipelines/demo/model")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240,
                              env=environment)
        if done.returncode not in (expected or (0,)):
            raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {done.stderr}")
        return done.stdout + done.stderr

    def convert(self, script, data, *more, expected=0):
        out = data + "-out"
        shutil.rmtree(out, ignore_errors=True)
        return out, self.run([sys.executable, os.path.join(HERE, script), data, "--out", out,
                              "--convert-only", "--trainer", self.trainer, *more], expected)

    def refuses(self, words, script, data, *more):
        said = self.convert(script, data, *more, expected=1)[1]
        if words not in said or "Traceback" in said:
            raise RuntimeError(f"said {said!r} and not {words!r}")

    def reads(self, counts, *options):
        """cow-trainer reads these data: so many single cows for training, validation, test. That
        so few do not show every behaviour everywhere is a problem (status 1), but not here."""
        said = self.run([self.trainer, "check", *options, "--allow-missing"], 0, 1)
        found = re.search(r"^all +(\d+) +(\d+) +(\d+)$", said, re.MULTILINE)
        if not found or tuple(map(int, found.groups())) != counts:
            raise RuntimeError(f"cow-trainer check {' '.join(options)}: {counts} in {said}")


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def copy(source, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(source, path)


def same(found, expected, what):
    if found != expected:
        raise RuntimeError(f"{what}: {found}, and not {expected}")


def read_coco(out, split):
    """The group of each picture, and its boxes: sides, category, track, crowd."""
    with open(os.path.join(out, "annotations", f"instances_{split}.json")) as file:
        coco = json.load(file)
    names = {entry["id"]: entry["name"] for entry in coco["categories"]}
    boxes = {image["id"]: [] for image in coco["images"]}
    for box in coco["annotations"]:
        boxes[box["image_id"]].append((box["bbox"], names[box["category_id"]],
                                       box.get("attributes", {}).get("track_id"), box["iscrowd"]))
    return {image["file_name"]: (image["video_id"], (image["width"], image["height"]),
                                 boxes[image["id"]]) for image in coco["images"]}


def read_crops(out):
    with open(os.path.join(out, "crops.csv"), newline="") as file:
        return list(csv.DictReader(file))


def near(found, expected, what):
    """Sides of boxes, to a tenth of a px."""
    if len(found) != len(expected) or any(abs(a - b) > 0.1 for a, b in zip(found, expected)):
        raise RuntimeError(f"{what}: {found}, and not {expected}")


# ---- CVB -----------------------------------------------------------------------------------------

CVB_NAMES = {"Lying": "resting-lying", "Drinking": "drinking", "Walking": "walking"}


def cvb_clip(day):
    return f"000{day}_arm01_gopro1_2020032{day}_222554_beh7_ani1_ins1_cut_1"


def make_cvb(barn, data):
    """Three days with a clip of two frames each; the first box of each frame is hidden."""
    for day in range(3):
        clip, images, boxes = cvb_clip(day), [], []
        for place in range(2):
            picture, drawn = barn.frames[2 * day + place]
            name = f"img_{place + 1:05d}.jpg"
            copy(picture, f"{data}/data/raw_frames/{clip}/{name}")
            images.append({"id": place + 1, "file_name": name, "width": barn.size[0],
                           "height": barn.size[1]})
            for track, (box, label) in enumerate(drawn):
                behaviour = CVB_NAMES.get(label, "grazing") if track else "hidden"
                boxes.append({"id": len(boxes) + 1, "image_id": place + 1, "category_id": 1,
                              "bbox": box, "area": 1, "iscrowd": 0,
                              "attributes": {"track_id": track, "behavior": behaviour}})
        put(f"{data}/data/annotations/{clip}/annotations/instances_default.json",
            json.dumps({"images": images, "annotations": boxes,
                        "categories": [{"id": 1, "name": "cow"}]}))


def check_cvb(barn):
    data = os.path.join(barn.folder, "cvb")
    make_cvb(barn, data)
    out = barn.convert("cvb.py", data, "--every", "1")[0]
    for day, split in enumerate(("train", "val", "test")):
        found, clip = read_coco(out, split), cvb_clip(day)
        expected = {}
        for place in range(2):
            drawn = barn.frames[2 * day + place][1]
            expected[f"raw_frames/{clip}/img_{place + 1:05d}.jpg"] = clip, barn.size, [
                (box, CVB_NAMES.get(label, "grazing") if track else "cow", track, int(track == 0))
                for track, (box, label) in enumerate(drawn)]
        same(found, expected, f"frames of {split}")
    crops = read_crops(out)
    same(len(crops), sum(len(boxes) - 1 for _, boxes in barn.frames), "single cows")
    first = barn.frames[0][1][1]
    same(crops[0]["label"], CVB_NAMES.get(first[1], "grazing"), "the first label")
    near([float(crops[0][side]) for side in "xywh"], first[0], "the first box")
    barn.reads(tuple(sum(len(boxes) - 1 for _, boxes in barn.frames[2 * day : 2 * day + 2])
                     for day in range(3)), "--data", os.path.join(out, "crops.csv"))


def refuse_cvb(barn):
    data = os.path.join(barn.folder, "cvb-odd")
    make_cvb(barn, data)
    folder = f"{data}/data/raw_frames/{cvb_clip(1)}"
    os.rename(f"{folder}/img_00001.jpg", f"{folder}/img_00000.jpg")
    barn.refuses("does not hold the pictures that", "cvb.py", data)
    shutil.rmtree(data)
    make_cvb(barn, data)
    path = f"{data}/data/annotations/{cvb_clip(2)}/annotations/instances_default.json"
    with open(path) as file:
        put(path, file.read().replace('"behavior"', '"action"'))
    barn.refuses("track_id and a behavior of grazing", "cvb.py", data)


# ---- CBVD-5 --------------------------------------------------------------------------------------

CBVD5_ACTIONS = {"Lying": (2,), "Drinking": (1, 4), "Feeding head down": (1, 3)}
CBVD5_LABELS = {(2,): "Lying", (1, 4): "Standing|Drinking", (1, 3): "Standing|Foraging",
                (1,): "Standing"}


def make_cbvd5(barn, data, scale=(1, 1)):
    """Clips 1 to 5 are published for training, and clip 6 for validation and test."""
    tables = {"train": "", "val": ""}
    for number, (picture, drawn) in enumerate(barn.frames):
        copy(picture, f"{data}/labelframes/labelframes/{number + 1}_00002.jpg")
        for (x, y, w, h), label in drawn:
            sides = (x / barn.size[0] * scale[0], y / barn.size[1] * scale[1],
                     (x + w) / barn.size[0] * scale[0], (y + h) / barn.size[1] * scale[1])
            for action in CBVD5_ACTIONS.get(label, (1,)):
                row = ",".join([str(number + 1), "2", *(f"{side:.6f}" for side in sides)])
                tables["train" if number < 5 else "val"] += f"{row},{action},1\n"
    for name, text in (*tables.items(), ("test", tables["val"])):
        put(f"{data}/annotations/ava_{name}_v2.1.csv", text)
    words = ("stand", "lying down", "foraging", "drinking water", "rumination")
    put(f"{data}/annotations/action_list.pbtxt",
        "".join(f'item {{\n  name: "{word}"\n  id: {i + 1}\n}}\n' for i, word in enumerate(words)))


def check_cbvd5(barn):
    data = os.path.join(barn.folder, "cbvd5")
    make_cbvd5(barn, data)
    out, said = barn.convert("cbvd5.py", data)
    if "the published test has the clips of the published validation" not in said:
        raise RuntimeError(f"said {said}")
    crops = read_crops(out)
    for split, numbers in (("train", range(4)), ("val", [4]), ("test", [5])):
        found = read_coco(out, split)
        same(set(found), {f"labelframes/labelframes/{n + 1}_00002.jpg" for n in numbers}, split)
        for n in numbers:
            group, size, boxes = found[f"labelframes/labelframes/{n + 1}_00002.jpg"]
            same((group, size), (f"clip {n + 1}", barn.size), f"clip {n + 1}")
            drawn = sorted(barn.frames[n][1])
            for box, (expected, _) in zip(sorted(boxes), drawn, strict=True):
                near(box[0], expected, f"a box of clip {n + 1}")
            labels = sorted(row["label"] for row in crops if row["cow"] == group)
            same(labels, sorted(CBVD5_LABELS[CBVD5_ACTIONS.get(label, (1,))]
                                for _, label in drawn), f"labels of clip {n + 1}")
    n = [len(boxes) for _, boxes in barn.frames]
    barn.reads((sum(n[:4]), n[4], n[5]), "--data", os.path.join(out, "crops.csv"), "--multi-label")


def refuse_cbvd5(barn):
    data = os.path.join(barn.folder, "cbvd5-odd")
    make_cbvd5(barn, data, barn.size)
    barn.refuses("a box of parts of the frame", "cbvd5.py", data)
    make_cbvd5(barn, data)
    path = f"{data}/annotations/action_list.pbtxt"
    with open(path) as file:
        put(path, file.read().replace("lying down", "walking"))
    barn.refuses("action 2 is called walking", "cbvd5.py", data)


# ---- MmCows --------------------------------------------------------------------------------------

MMCOWS_NUMBERS = {"Walking": 1, "Standing": 2, "Feeding head up": 3, "Feeding head down": 4,
                  "Drinking": 6, "Lying": 7}
MMCOWS_START = 1690243200  # divisible by twelve hours


def make_mmcows(barn, data):
    """A frame in the middle of each of six blocks, and one before the end of the second."""
    moments = [MMCOWS_START + 7200 * block + 3600 for block in range(6)]
    seen = {}
    for i, moment in enumerate([*moments, MMCOWS_START + 2 * 7200 - 60]):
        picture, drawn = barn.frames[i % FRAMES]
        inner = "0725/cam_1"
        name = f"{moment}_{moment // 3600 % 24:02d}-{moment // 60 % 60:02d}-{moment % 60:02d}"
        copy(picture, f"{data}/visual_data/images/{inner}/{name}.jpg")
        text = ""
        for cow, ((x, y, w, h), label) in enumerate(drawn, 1):
            text += (f"{cow} {(x + w / 2) / barn.size[0]:.6f} {(y + h / 2) / barn.size[1]:.6f} "
                     f"{w / barn.size[0]:.6f} {h / barn.size[1]:.6f}\n")
            seen.setdefault(cow, []).append((moment, MMCOWS_NUMBERS.get(label, 2)))
        put(f"{data}/visual_data/labels/combined/{inner}/{name}.txt", text)
    for cow, rows in seen.items():
        put(f"{data}/visual_data/behavior_labels/individual/C{cow:02d}_0725.csv",
            "timestamp,behavior\n" + "".join(f"{time},{label}\n" for time, label in sorted(rows)))
    return moments


def check_mmcows(barn):
    data = os.path.join(barn.folder, "mmcows")
    moments = make_mmcows(barn, data)
    out, said = barn.convert("mmcows.py", data)
    if "left out within 5 minutes of another split: 1 frames" not in said:
        raise RuntimeError(f"said {said}")
    options = ["--data-format", "mmcows-frames"]
    for split, blocks in (("train", (0, 1, 3, 4)), ("val", (2,)), ("test", (5,))):
        for kind, suffix in (("images", "jpg"), ("labels/combined", "txt")):
            names = os.listdir(f"{out}/{split}/{kind}/0725/cam_1")
            same(sorted(name[10:] + name[:10] for name in names),
                 sorted(f"_{m // 3600 % 24:02d}-00-00.{suffix}{m}"
                        for m in (moments[block] for block in blocks)), f"{kind} of {split}")
        options += [f"--{split}", f"{out}/{split}"]
    n = [len(boxes) for _, boxes in barn.frames]
    barn.reads((n[0] + n[1] + n[3] + n[4], n[2], n[5]), *options, "--group-by", "session")


def refuse_mmcows(barn):
    data = os.path.join(barn.folder, "mmcows-odd")
    make_mmcows(barn, data)
    os.rename(f"{data}/visual_data/images/0725/cam_1", f"{data}/visual_data/images/0725/north")
    barn.refuses("images/MMDD/cam_N/UNIX_HH-MM-SS.jpg is expected", "mmcows.py", data)


# ---- 8-Calves ------------------------------------------------------------------------------------

FPS = 15  # of cow-render-barn's videos
STEP = 3  # frames between two pictures


def make_calves(barn, data):
    os.makedirs(data)
    barn.run([barn.renderer, "video", f"{data}/pmfeed_4_3_16.mp4", "--seconds",
              str(make_boxes.FRAMES // FPS)])
    copy(os.path.join(HERE, "boxes.pkl"), f"{data}/pmfeed_4_3_16_bboxes_and_labels.pkl")


def check_calves(barn):
    data = os.path.join(barn.folder, "calves")
    make_calves(barn, data)
    out = barn.convert("eight_calves.py", data, "--fps", str(FPS), "--every", str(STEP / FPS),
                       "--guard", "0.1")[0]
    last = make_boxes.FRAMES
    for split, low, high in (("train", 0, 0.3), ("val", 0.3, 0.6), ("test", 0.6, 1.01)):
        frames = [frame for frame in range(1, last + 1, STEP) if low * last < frame <= high * last
                  and all(abs(frame - edge * last) >= 0.1 * FPS for edge in (0.3, 0.6))]
        found = read_coco(out, split)
        same(len(found), len(frames), f"frames of {split}")
        for (name, (_, size, boxes)), frame in zip(sorted(found.items()), frames):
            same((size, int(name[-13:-4])), (barn.size, (frame - 1) * 1000 // FPS), "a picture")
            rows = [row for row in make_boxes.ROWS if row[-1] == frame]
            for (box, label, track, crowd), (_, x, y, w, h, _, calf, _) in zip(boxes, rows,
                                                                             strict=True):
                same((label, track, crowd), ("cow", calf, 0), f"frame {frame}")
                near(box, ((x - w / 2) * size[0], (y - h / 2) * size[1], w * size[0],
                           h * size[1]), f"frame {frame}")


def refuse_calves(barn):
    data = os.path.join(barn.folder, "calves")
    barn.refuses("which is none of 7 frames a second", "eight_calves.py", data, "--fps", "7",
                 "--every", "0.2")
    put(f"{data}/pmfeed_4_3_16_bboxes_and_labels.pkl", "cows\n")
    barn.refuses("not a table of numbers that pandas pickled", "eight_calves.py", data)


# ---- what follows the conversion -----------------------------------------------------------------


def check_whole(barn):
    """From the stand-in of CVB to the row of the table, with nothing learnt."""
    data = os.path.join(barn.folder, "whole")
    make_cvb(barn, data)
    said = barn.run([sys.executable, os.path.join(HERE, "cvb.py"), data, "--out", f"{data}-out",
                     "--every", "1", "--epochs", "1", "--trainer", barn.trainer])
    rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| ")]
    same([len(row) for row in rows], [len(flow.COLUMNS)] * 3, "cells of the rows")
    same(rows[2][:4], ["| CVB", "detect-frozen", "drawn-cows", "2"], "the row")
    for name, cell in zip(flow.COLUMNS[4:9], rows[2][4:9]):
        if name != "behaviours by" and not 0 <= float(cell) <= 1:
            raise RuntimeError(f"{name} is {cell}")


def check_tracks(barn):
    """Events of cowpublish become rows of MOT, which cow-trainer judges."""
    events, truth = os.path.join(barn.folder, "events.jsonl"), []
    text = ""
    for frame in range(1, 6):
        things = [{"x": 10 * frame, "y": 100 * cow, "w": 60, "h": 40, "track": cow + 7,
                   "region": "roi"} for cow in range(2)] + [{"x": 0, "region": "frame"}]
        text += json.dumps({"timestamp": (frame - 1) * 10**9 // FPS, "objects": things}) + "\n"
        truth += [(frame, cow + 7, 10 * frame, 100 * cow, 60, 40, 1) for cow in range(2)]
    put(events, text)
    found = flow.found_rows(events, FPS)
    same(found, truth, "rows of MOT")
    path = os.path.join(barn.folder, "found.txt")
    put(path, "".join(",".join(map(str, row)) + "\n" for row in found))
    words = barn.run([barn.trainer, "eval", "--tracks", path, path]).split()
    same(words.count("1.0000") > 2, True, "scores of the truth itself")


CHECKS = [check_cvb, refuse_cvb, check_cbvd5, refuse_cbvd5, check_mmcows, refuse_mmcows,
          check_calves, refuse_calves, check_tracks, check_whole]


def main(build):
    print(f"1..{len(CHECKS)}")
    with tempfile.TemporaryDirectory() as folder:
        barn = Barn(build, folder)
        passed = [run_check(check.__name__.replace("_", "-"), number, check, barn)
                  for number, check in enumerate(CHECKS, 1)]
    return not all(passed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
