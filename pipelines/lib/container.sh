#!/bin/bash
# SPDX-License-Identifier: MIT
# What the container of the Containerfile runs: the command that it is given, or this help.
set -eu
[ "$#" = 0 ] || exec "$@"
cat <<'HELP'
cowbehavior: what the cows in a video are doing

  cow-trainer --help                    train, evaluate, annotate recordings, fetch models
  cow-pipeline --help                   label recordings and cameras; files, HTTP, MQTT, Home
                                        Assistant, labelled copies
  gst-inspect-1.0 cowbehavior           the element's properties, for pipelines of your own
  gst-launch-1.0 videotestsrc num-buffers=1 ! cowbehavior ! fakesink -m

The container works in /data, as the user "cow" (1000). Mount your recordings and models there:

  podman run --rm -v "$PWD:/data" --userns=keep-id:uid=1000,gid=1000 cowbehavior \
    cow-pipeline barn.mp4 --mp4 labelled.mp4
  docker run --rm -v "$PWD:/data" --user "$(id -u)" cowbehavior cow-trainer check --data cows

Without --model and --adapter the demonstration's are used, which know drawn cows only.
HELP
