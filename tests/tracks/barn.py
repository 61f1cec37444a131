# SPDX-License-Identifier: MIT
"""Writes the cows of a drawn video and those that were found in it as files of MOT.

    barn.py TRUTH.jsonl FOUND.jsonl FOLDER

TRUTH.jsonl is cow-render-barn's, FOUND.jsonl cowpublish's; FOLDER gets truth.txt and found.txt."""
import json
import os
import sys


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def row(frame, track, box, score):
    return f"{frame + 1},{track},{box['x']},{box['y']},{box['w']},{box['h']},{score},1,1\n"


def main(truth, found, folder):
    numbers, times = {}, {}
    with open(os.path.join(folder, "truth.txt"), "w", encoding="utf-8") as out:
        for sight in lines(truth):
            number = numbers.setdefault(sight["cow"], len(numbers) + 1)
            times[round(sight["time"] * 1000)] = sight["frame"]
            out.write(row(sight["frame"], number, sight, 1))
    with open(os.path.join(folder, "found.txt"), "w", encoding="utf-8") as out:
        for event in lines(found):
            at = event["timestamp"] / 1e6
            frame = times[min(times, key=lambda time: abs(time - at))]
            for cow in event["objects"]:
                out.write(row(frame, cow["track"], cow, cow["detection"]["confidence"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
