# SPDX-License-Identifier: MIT
"""Every option of `cow-trainer train`, given to it.

Two command lines, for pictures in folders and in a table. Values are none of the defaults, so that
one that is not taken over is seen. flags.py folders|table TRAINER OUT trains an epoch with them,
where it is run.
"""

import pathlib
import subprocess
import sys

WORLD = "/proc/self/cwd"
BOTH = [
    "--force",
    "--recipe=qlora-q-r8",
    "--kind=lora",
    f"--model={WORLD}/base",
    f"--start={WORLD}/start",
    "--network=tiny",
    "--targets=all-linear",
    "--rank=2",
    "--alpha=3",
    "--adapter-dropout=0.2",
    "--head-dropout=0.25",
    "--checkpointing=on",
    "--classes=Lying,Standing,Walking",
    "--val-part=0.3",
    "--test-part=0.1",
    "--allow-missing",
    "--augment=light",
    "--copies=1",
    "--balance=weights",
    "--size=32x24",
    "--interpolation=bilinear-antialiased",
    "--normalisation=satellite",
    "--workers=2",
    f"--cache={WORLD}/cache",
    "--batch=3",
    "--accumulation=2",
    "--learning-rate=0.002",
    "--weight-decay=0.02",
    "--warmup=0.1",
    "--floor=0.2",
    "--epochs=1",
    "--patience=4",
    "--min-delta=0.001",
    "--max-hours=1",
    "--smoothing=0.05",
    "--clip=2",
    "--seed=7",
    "--threads=1",
    "--save-every=5",
    "--tracking-uri=",
    "--experiment=herd",
    "--run-name=flags",
]
OWN = {
    "folders": [
        f"--train={WORLD}/pictures/train",
        f"--val={WORLD}/pictures/val",
        f"--test={WORLD}/pictures/test",
        "--data-format=folders",
        "--group-by=none",
    ],
    "table": [
        f"--data={WORLD}/table.csv",
        "--data-format=table",
        "--path-column=file",
        "--label-column=what",
        "--source-column=from",
        "--prefix=/old=/older",
        f"--prefix=/pictures={WORLD}/pictures",
        "--group-by=cow",
    ],
}
# These two say where settings come from, or end before there is a run.
ELSEWHERE = {"--out", "--resume", "--list-recipes", "--config", "--help"}


def names():
    return {flag.split("=")[0] for flags in [BOTH, *OWN.values()] for flag in flags}


def write_table(folder):
    rows = ["file,what,from,cow"]
    for path in sorted(pathlib.Path(folder, "pictures").glob("*/*/*.png")):
        split, label, name = path.parts[-3:]
        rows.append(f"/pictures/{split}/{label}/{name},{label},barn,{name}")
    pathlib.Path(folder, "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def train(which, trainer, out, folder=".", **more):
    """The finished process; `folder` has pictures/, base/ and an adapter start/."""
    write_table(folder)
    command = [str(trainer), "train", *BOTH, *OWN[which], f"--out={out}"]
    return subprocess.run(command, cwd=folder, check=False, text=True, **more)


if __name__ == "__main__":
    sys.exit(train(*sys.argv[1:]).returncode)
