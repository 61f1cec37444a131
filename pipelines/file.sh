#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels a recording: cow-pipeline for a file, or for the address of one.
set -eu
# shellcheck source=pipelines/lib/pipeline.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/pipeline.sh"
pipeline recording VIDEO 'Labels a recording, and prints or writes a table of the results.

VIDEO is a file of any kind that GStreamer plays, or the address of one, or of a finished HLS
playlist. Every frame is classified, however long that takes: inference-interval=10 classifies every
tenth frame, and batch-size=8 makes better use of the processor. A recording that a phone stored on
its side is turned upright.

A labelled copy:
  pipelines/file.sh barn.mp4 --mp4 labelled.mp4 inference-interval=5
Two pens, as a table:
  pipelines/file.sh barn.mp4 --zones "left=0,0,0.5,1; right=0.5,0,0.5,1" file=pens.csv' "$@"
