# SPDX-License-Identifier: MIT
"""What the scripts for real barns share: options, files that cow-trainer reads, and the way from
there to a row of the table: train, evaluate, follow, print."""

import argparse
import csv
import json
import os
import shutil
import struct
import subprocess
import sys

SPLITS = ("train", "val", "test")
COLUMNS = ("data", "recipe", "base", "frames", "mAP50", "mAP50:95", "behaviours by", "accuracy",
           "F1", "IDF1", "HOTA")


class Stop(Exception):
    """What is wrong with the data or the machine, in a sentence for the user."""


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- options -------------------------------------------------------------------------------------


def find_trainer():
    here = os.path.join(os.path.dirname(__file__), "..", "..", "build", "trainer", "cow-trainer")
    return shutil.which("cow-trainer") or os.path.normpath(here)


def options(description):
    """The options that all scripts have; each may add its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", metavar="FOLDER", help="the data as they were unpacked")
    parser.add_argument("--out", required=True, help="folder for what is made of them")
    parser.add_argument("--convert-only", action="store_true",
                        help="end when the files for cow-trainer are there")
    parser.add_argument("--model", default="drawn-cows",
                        help="the base: a folder or name that cow-trainer knows (drawn-cows, which "
                        "is only good to try the script)")
    parser.add_argument("--recipe", default="detect-frozen",
                        help="for boxes: detect-frozen, detect-qlora or detect-dora")
    parser.add_argument("--behaviour-recipe", default="frozen",
                        help="for behaviours of single cows (frozen)")
    parser.add_argument("--epochs", type=int, help="at most (the recipe's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--trainer", default=find_trainer(), help="the program cow-trainer")
    return parser


def main(convert, parser):
    """Runs convert (arguments), which returns a Set, then all that follows; the exit status."""
    args = parser.parse_args()
    try:
        args.folder = os.path.abspath(args.folder)
        if not os.path.isdir(args.folder):
            raise Stop(f"{args.folder} is no folder")
        os.makedirs(args.out, exist_ok=True)
        data = convert(args)
        if not args.convert_only:
            measure(args, data)
    except Stop as stop:
        say(f"{parser.prog}: {stop}")
        return 1
    return 0


# ---- pictures ------------------------------------------------------------------------------------


def picture_size(path):
    """Width and height in px, of the header of a JPEG or PNG file."""
    with open(path, "rb") as file:
        start = file.read(24)
        if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) == 24:
            return struct.unpack(">II", start[16:24])
        file.seek(2)
        while start[:2] == b"\xff\xd8":
            marker = file.read(4)
            if len(marker) < 4 or marker[0] != 0xFF:
                break
            kind, length = marker[1], struct.unpack(">H", marker[2:])[0]
            # The frame header has the size; C4, C8 and CC in its range are other things.
            if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
                body = file.read(5)
                if len(body) == 5:
                    height, width = struct.unpack(">HH", body[1:])
                    return width, height
                break
            file.seek(length - 2, os.SEEK_CUR)
    raise Stop(f"{path} is neither a JPEG nor a PNG file with a size")


def only_folder(folder, wanted):
    """The folder, or one at most two below, that holds all of the names."""
    here = [folder]
    for _ in range(3):
        for path in here:
            if all(os.path.exists(os.path.join(path, name)) for name in wanted):
                return path
        here = [entry.path for path in here for entry in sorted(os.scandir(path), key=str)
                if entry.is_dir()]
    raise Stop(f"{folder} holds no folder with {' and '.join(wanted)}: is it all unpacked?")


# ---- files for cow-trainer -----------------------------------------------------------------------


class Set:
    """Frames and single cows on their way to files."""

    def __init__(self, name, out, images=None):
        self.name, self.out, self.images = name, os.path.abspath(out), images
        self.frames = {split: [] for split in SPLITS}
        self.boxes = {split: [] for split in SPLITS}
        self.categories = {"cow": 1}
        self.crops = []
        self.several_labels = False
        self.train_frames = self.train_crops = None  # options of cow-trainer, once written
        self.recordings = []  # (elements of GStreamer that play, frames a second, rows of MOT)

    def add_frame(self, split, path, size, group):
        """A frame, to which the boxes of the following calls belong."""
        image = {"id": len(self.frames[split]) + 1, "file_name": os.path.relpath(path, self.images),
                 "width": size[0], "height": size[1], "video_id": group}
        self.frames[split].append(image)
        return image

    def add_box(self, split, box, label="cow", track=None, crowd=False):
        """A box of left, top, width and height in px; a crowd is neither learned nor missed."""
        category = self.categories.setdefault(label, len(self.categories) + 1)
        annotation = {"id": len(self.boxes[split]) + 1,
                      "image_id": len(self.frames[split]), "category_id": category,
                      "bbox": [round(side, 3) for side in box],
                      "area": round(box[2] * box[3], 3), "iscrowd": int(crowd)}
        if track is not None:
            annotation["attributes"] = {"track_id": track}
        self.boxes[split].append(annotation)

    def add_crop(self, split, path, box, label, source, cow):
        """A single cow, whose label may be several with | between them."""
        self.crops.append([path, label, source, cow, split, *(round(side, 3) for side in box)])

    def write(self):
        """Writes annotations/instances_SPLIT.json and crops.csv; says what is in them."""
        for split in SPLITS:
            if not self.frames[split]:
                raise Stop(f"{self.name}: no frame is left for {split}")
        folder = os.path.join(self.out, "annotations")
        os.makedirs(folder, exist_ok=True)
        categories = [{"id": id, "name": name} for name, id in self.categories.items()]
        for split in SPLITS:
            with open(os.path.join(folder, f"instances_{split}.json"), "w") as file:
                json.dump({"images": self.frames[split], "annotations": self.boxes[split],
                           "categories": categories}, file)
            groups = {image["video_id"] for image in self.frames[split]}
            say(f"{split}: {len(self.frames[split])} frames of {len(groups)} groups, "
                f"{len(self.boxes[split])} boxes")
        self.train_frames = ["--data", self.out, "--images", self.images, "--data-format", "coco"]
        if self.crops:
            table = os.path.join(self.out, "crops.csv")
            with open(table, "w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow("image_path label source cow split x y w h".split())
                writer.writerows(self.crops)
            say(f"{len(self.crops)} single cows with a behaviour in {table}")
            self.train_crops = ["--data", table, "--allow-missing"]
            if self.several_labels:
                self.train_crops.append("--multi-label")


# ---- from files to numbers -----------------------------------------------------------------------


def run(command):
    say("$ " + " ".join(command))
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise Stop(f"{command[0]}: {error.strerror}: build the project, or name it by --trainer")
    if done.returncode != 0:
        raise Stop(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def train_and_eval(args, recipe, data, out):
    """Trains, or goes on with what was interrupted, and evaluates; what results.json says."""
    if os.path.isdir(os.path.join(out, "last")):
        run([args.trainer, "train", "--resume", out, "--device", args.device])
    else:
        command = [args.trainer, "train", "--recipe", recipe, "--model", args.model, *data,
                   "--out", out, "--device", args.device]
        run(command + (["--epochs", str(args.epochs)] if args.epochs else []))
    run([args.trainer, "eval", "--adapter", os.path.join(out, "best"), "--out",
         os.path.join(out, "eval"), "--save", "--device", args.device])
    with open(os.path.join(out, "eval", "results.json")) as file:
        return json.load(file)


def found_rows(events, fps):
    """Rows of MOT of the events that cowpublish wrote: frame, track, box."""
    rows = {}
    with open(events) as file:
        for event in map(json.loads, file):
            frame = round(event["timestamp"] * 1e-9 * fps) + 1
            for thing in event["objects"]:
                if "track" in thing:
                    rows[frame, int(thing["track"])] = [thing[side] for side in "xywh"]
    return [(frame, track, *box, 1) for (frame, track), box in sorted(rows.items())]


def follow(args, data, adapter):
    """IDF1 and HOTA of the test recordings, one behind the other."""
    paths = {name: os.path.join(data.out, f"{name}.txt") for name in ("truth", "found")}
    texts = {"truth": [], "found": []}
    events = os.path.join(data.out, "events.jsonl")
    for number, (source, fps, truth) in enumerate(data.recordings):
        if os.path.exists(events):
            os.remove(events)
        run(["gst-launch-1.0", "-q", *source.split(), "!", "videoconvert", "!", "cowdetect",
             f"adapter={adapter}", f"model={args.model}", "inference-interval=1", "!",
             "cowbehavior", "inference-region=roi-list", "inference-interval=1000", "!",
             "cowpublish", f"file={events}", "post-events=all", "!", "fakesink"])
        judged = {row[0] for row in truth}
        found = [row for row in found_rows(events, fps) if row[0] in judged]
        # Frames and cows of the recordings are kept apart by what is added to their numbers.
        for name, rows in (("truth", truth), ("found", found)):
            texts[name] += [",".join(map(str, (frame + number * 1000000,
                                               track + number * 100000, *rest)))
                            for frame, track, *rest in rows]
    if not texts["found"]:
        say(f"warning: {adapter} finds nothing in the recordings, so there are no tracks to judge")
        return None
    for name, path in paths.items():
        with open(path, "w") as file:
            file.write("\n".join(texts[name]) + "\n")
    table = run([args.trainer, "eval", "--tracks", paths["truth"], paths["found"]])
    names, values = (line.split() for line in table.splitlines()[:2])
    scores = dict(zip(names[1:], values[1:]))
    return scores["IDF1"], scores["HOTA"]


def number(value):
    return "-" if value is None else f"{value:.3f}"


def row(args, data, frames, crops, tracks):
    """The row of the table, of what results.json say."""
    accuracy = f1 = None
    if crops:
        whole = crops.get("metrics", crops)
        accuracy = whole.get("accuracy", whole.get("exact_match"))
        f1 = (whole.get("macro") or {}).get("f1")
    return [data.name, args.recipe, args.model, str(frames["frames"]), number(frames["map50"]),
            number(frames["map50_95"]), args.behaviour_recipe if crops else "-", number(accuracy),
            number(f1), *(tracks or ("-", "-"))]


def measure(args, data):
    """Trains and evaluates, and prints the row of the table."""
    find = os.path.join(data.out, "find")
    frames = train_and_eval(args, args.recipe, data.train_frames, find)
    crops = tracks = None
    if data.train_crops:
        crops = train_and_eval(args, args.behaviour_recipe, data.train_crops,
                               os.path.join(data.out, "behave"))
    if data.recordings:
        tracks = follow(args, data, os.path.join(find, "best"))
    for cells in (COLUMNS, ["---"] * len(COLUMNS), row(args, data, frames, crops, tracks)):
        print("| " + " | ".join(cells) + " |")
