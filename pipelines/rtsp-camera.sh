#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One RTSP camera to labels: one gst-launch-1.0 line, whose messages named "cowbehavior" are the results.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/rtsp-camera.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH [OPTION ...] [PROPERTY=VALUE ...]

  --codec CODEC        what the camera sends: h264 (the default), h265, mjpeg, or auto: looked up, with whatever decoder there is
$COMMON_OPTIONS

The labels alone:    pipelines/rtsp-camera.sh rtsp://barn/1 | awk -f pipelines/lib/events.awk
Watched in a window: pipelines/rtsp-camera.sh rtsp://barn/1 --codec h265 --show --zones "trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1"
USAGE
}

url='' codec=h264
while [ $# -gt 0 ]; do
  # before properties: an address may have a = in it
  case $1 in rtsp://* | rtsps://*) url=$1 taken=1 ;; *) common_option "$@" ;; esac
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      --codec) codec=${2:-} taken=2 ;;
      *) die "what is $1?" ;;
    esac
  fi
  shift $((taken < $# ? taken : $#))
done
[ -n "$url" ] || die "an address rtsp://... is needed"
split_url "$url"
choose_codec "$codec"
use_build

# -e: Ctrl-C ends a recording as its end would, so that it can be played.
exec gst-launch-1.0 -m ${shown:+-e} "${source[@]}" ! "${decoder[@]}" ! videoconvert ! "${detector[@]}" \
  cowbehavior "${properties[@]}" ! ${shown:+cowoverlay !} "${sink[@]}"
