# SPDX-License-Identifier: MIT
"""Makes boxes.pkl, a table as 8-Calves has it, which tests read: python3 make_boxes.py, with
pandas. That in the tree is of pandas 2.3.3 and numpy 2.4.6."""

import os

FRAMES, CALVES = 75, 2
ROWS = [
    (0, 0.25 + 0.5 * calf, 0.5 + frame / 1000, 0.25, 0.5, 0.9, calf + 1, frame + 1)
    for frame in range(FRAMES)
    for calf in range(CALVES)
]
NAMES = ["class", "x", "y", "w", "h", "conf", "tracklet_id", "frame_id"]

if __name__ == "__main__":
    import pandas

    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boxes.pkl")
    pandas.DataFrame(ROWS, columns=NAMES).to_pickle(here)
