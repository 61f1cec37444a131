#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A video file to labels: one gst-launch-1.0 line, whose messages named "cowbehavior" are the results.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/file.sh VIDEO [OPTION ...] [PROPERTY=VALUE ...]

VIDEO is a file of any kind that GStreamer plays. Every frame is classified, however long that takes: inference-interval=10 takes every
tenth, and batch-size=8 fills the processor better.
$COMMON_OPTIONS

A labelled copy:     pipelines/file.sh barn.mp4 --mp4 labelled.mp4 inference-interval=5
Two pens, as text:   pipelines/file.sh barn.mp4 --zones "left=0,0,0.5,1; right=0.5,0,0.5,1" | awk -f pipelines/lib/events.awk
USAGE
}

video=''
# shellcheck disable=SC2034  # for --hls: all of it
hls_length=(playlist-length=0 max-files=0)
while [ $# -gt 0 ]; do
  # a file's name may look like PROPERTY=VALUE
  if [ -f "$1" ]; then video=$1 taken=1; else common_option "$@"; fi
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      -*) die "what is $1?" ;;
      *) die "$1: no such file" ;;
    esac
  fi
  shift "$taken"
done
[ -n "$video" ] || die "a video file is needed"
use_build

# -e: Ctrl-C ends a recording as its end would, so that it can be played.
exec gst-launch-1.0 -m ${shown:+-e} filesrc "location=$(quote "$video")" ! decodebin ! videoconvert ! "${detector[@]}" \
  cowbehavior "${properties[@]}" ! ${shown:+cowoverlay !} "${sink[@]}"
