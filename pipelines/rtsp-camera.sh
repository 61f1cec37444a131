#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels a camera until it fails: cow-pipeline --once.
set -eu
# shellcheck source=pipelines/lib/pipeline.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/pipeline.sh"
pipeline camera 'rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH' 'Labels a camera, and prints or writes a
table of the results. It ends when the camera fails; cow-pipeline waits for it.

Each change as a row of a table:
  pipelines/rtsp-camera.sh rtsp://barn/1 post-events=on-change
In a window:
  pipelines/rtsp-camera.sh rtsp://barn/1 --codec h265 --show \
    --zones "trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1"' "$@"
