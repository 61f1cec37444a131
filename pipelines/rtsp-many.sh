#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels many cameras, and shows them on a wall of pictures: cow-pipeline for cameras.
set -eu
# shellcheck source=pipelines/lib/pipeline.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/pipeline.sh"
pipeline cameras 'rtsp://CAMERA1 rtsp://CAMERA2 ...' 'Labels many cameras in one pipeline, which
share one network in memory, and its batches. With --show or another output all appear on one wall.

All cameras have the same options. The column "source" names the camera by its host and path, and by
its number where that is not enough; which address has which name is said at the start.
A camera that is off, goes away or ends its stream stops no other: it is named with the reason, its
place on the wall goes black, and it is tried again, after 1 to 10 seconds, or after 5 minutes where
it refuses the login, because cameras lock. Where all are away the script waits for them. Ctrl+C,
TERM or HUP end it, with status 0 where any camera gave a picture and 1 where none ever did.

Four cameras on a wall; a detector of DL Streamer finds the cows, and each cow is classified once a
second at most:
  pipelines/rtsp-many.sh rtsp://barn/1 rtsp://barn/2 rtsp://barn/3 rtsp://barn/4 --show \
    reclassify-interval=25 --detector "gvadetect model=cows.xml ! gvatrack"' "$@"
