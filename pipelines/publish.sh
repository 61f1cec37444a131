#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Turns a camera or a recording into events: JSON lines in a file, by HTTP, or at an MQTT broker.
# Cameras and brokers may come and go. It is an example of cow-reconnect.
set -eu
# shellcheck source=pipelines/lib/pipeline.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/pipeline.sh"
# shellcheck disable=SC2034  # each frame with results is an event, also those between two looks
posted=()
pipeline events 'rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH | FILE' 'Turns a camera or a recording into
events, and nothing else: no frame is shown or recorded.

A camera that goes away is reconnected, after minutes where it refuses the login, because cameras
lock; so is HLS, which is taken for that of a camera. Ctrl+C, TERM or HUP end the program. A
recording ends by itself. At the end the numbers of events sent and dropped are printed. To see what
the broker receives:
  mosquitto_sub -v -t "cowbehavior/#"' "$@"
