# SPDX-License-Identifier: MIT
"""Compares `cow-trainer eval --tracks` with TrackEval on tracks of chance.

check_tracks.py COW_TRAINER

Cows walk, close together or far apart, and are seen with jitter, gaps, ghosts and other names, in
MOT files; whatever the program prints is what TrackEval's metrics say of the same boxes. Speaks
TAP.
"""

import os
import random
import subprocess
import sys
import tempfile

import numpy as np
from trackeval.datasets._base_dataset import _BaseDataset
from trackeval.metrics import CLEAR, HOTA, Identity

SCENES = 40
# Half of the last digit that is printed, and a little for rounding.
LIMIT = 0.5e-4 + 1e-9


def scene(seed):
    """Rows of frame, id, left, top, width, height: those that there are and those found."""
    chance = random.Random(seed)
    n, frames, width = chance.randint(1, 8), chance.randint(3, 60), chance.choice([150, 600])
    at = [[chance.uniform(0, width), chance.uniform(0, width / 2)] for _ in range(n)]
    name, truth, found = list(range(n)), [], []
    for frame in range(1, frames + 1):
        for cow in range(n):
            at[cow][0] += chance.uniform(-8, 8)
            at[cow][1] += chance.uniform(-4, 4)
            if chance.random() < 0.03:
                name[cow] = chance.randrange(2 * n) * n + cow
            box = [*at[cow], 80 + 5 * cow, 50]
            seen = [side + chance.gauss(0, 7) for side in box]
            if frame == 1 or chance.random() < 0.9:
                truth.append([frame, cow, *box])
            if frame == 1 or (chance.random() < 0.85 and frame % 17 != 3):
                found.append([frame, name[cow], *seen])
            if chance.random() < 0.05:
                place = [chance.uniform(0, width), chance.uniform(0, width / 2)]
                found.append([frame, 1000 + cow, *place, 80, 50])
    for row in truth + found:
        row[2:] = [round(side, 3) for side in row[2:]]
    return truth, found


def trackeval(truth, found):
    """The numbers by the names that cow-trainer's table has."""
    frames = sorted({row[0] for row in truth} | {row[0] for row in found})
    data = {"num_timesteps": len(frames)}
    parts = {}
    for key, rows in (("gt", truth), ("tracker", found)):
        ids = {value: i for i, value in enumerate(sorted({row[1] for row in rows}))}
        parts[key] = [[row for row in rows if row[0] == frame] for frame in frames]
        data[f"{key}_ids"] = [np.array([ids[row[1]] for row in part], int) for part in parts[key]]
        data[f"num_{key}_ids"], data[f"num_{key}_dets"] = len(ids), len(rows)
    boxes = {
        key: [np.array([row[2:] for row in part], float).reshape(-1, 4) for part in rows]
        for key, rows in parts.items()
    }
    data["similarity_scores"] = [
        _BaseDataset._calculate_box_ious(*pair) for pair in zip(boxes["gt"], boxes["tracker"])
    ]
    quiet = {"PRINT_CONFIG": False}
    clear, identity = CLEAR(quiet).eval_sequence(data), Identity(quiet).eval_sequence(data)
    hota = HOTA().eval_sequence(data)
    said = {name: np.mean(hota[name]) for name in ("HOTA", "DetA", "AssA", "LocA")}
    said |= {name: identity[name] for name in ("IDF1", "IDP", "IDR")}
    said |= {name: clear[name] for name in ("MOTA", "MOTP", "IDSW", "Frag")}
    return said | {"FP": clear["CLR_FP"], "FN": clear["CLR_FN"], "cows": data["num_tracker_ids"]}


def cow_trainer(program, folder, truth, found):
    paths = [os.path.join(folder, name) for name in ("truth.txt", "found.txt")]
    for path, rows in zip(paths, (truth, found)):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(",".join(map(str, row)) + ",1,-1,-1,-1\n" for row in rows)
    done = subprocess.run(
        [program, "eval", "--tracks", *paths], capture_output=True, text=True, check=True
    )
    names, values = (line.split() for line in done.stdout.splitlines())
    return {name: float(value) for name, value in zip(names[1:], values[1:])}


def check(program, seed):
    """What differs, as text; empty for nothing."""
    truth, found = scene(seed)
    with tempfile.TemporaryDirectory() as folder:
        ours = cow_trainer(program, folder, truth, found)
    theirs = trackeval(truth, found)
    if ours.keys() != theirs.keys():
        return f"{sorted(ours)} and not {sorted(theirs)}"
    wrong = [name for name in theirs if not abs(ours[name] - theirs[name]) <= LIMIT]
    return ", ".join(f"{name} is {ours[name]} and not {theirs[name]:.6g}" for name in wrong)


def main(program):
    print(f"1..{SCENES}")
    failed = 0
    for seed in range(SCENES):
        wrong = check(program, seed)
        failed += bool(wrong)
        print("not ok" if wrong else "ok", seed + 1, f"scene-{seed}")
        if wrong:
            print(f"# {wrong}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
