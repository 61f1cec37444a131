#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels an RTSP camera with one gst-launch-1.0 line; the results are its messages named
# "cowbehavior".
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/rtsp-camera.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH
         [OPTION ...] [PROPERTY=VALUE ...]

  --codec CODEC        the camera's codec: h264 (the default), h265, mjpeg, or auto, which finds it
                       out
$COMMON_OPTIONS

The labels as text:
  pipelines/rtsp-camera.sh rtsp://barn/1 | awk -f pipelines/lib/events.awk
In a window:
  pipelines/rtsp-camera.sh rtsp://barn/1 --codec h265 --show \\
    --zones "trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1"
USAGE
}

url='' codec=h264
while [ $# -gt 0 ]; do
  # Addresses come before properties, because an address may contain "=".
  case $1 in rtsp://* | rtsps://*) url=$1 taken=1 ;; *) common_option "$@" ;; esac
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      --codec) codec=${2:-} taken=2 ;;
      *) die "unknown option $1" ;;
    esac
  fi
  shift $((taken < $# ? taken : $#))
done
[ -n "$url" ] || die "an address rtsp://... is needed"
split_url "$url"
use_build
choose_codec "$codec"

# With -e, Ctrl-C finishes a recording properly, so that it can be played.
exec gst-launch-1.0 -m ${shown:+-e} \
  "${source[@]}" ! "${decoder[@]}" ! "${handover[@]}" ! "${detector[@]}" \
  cowbehavior "${properties[@]}" ! ${shown:+cowoverlay !} "${sink[@]}"
