#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels an RTSP camera with one line of cow-launch, and prints or writes a table of the results.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/rtsp-camera.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH
         [OPTION ...] [PROPERTY=VALUE ...]
$CAMERA_OPTIONS
$COMMON_OPTIONS

Each change as a row of a table:
  pipelines/rtsp-camera.sh rtsp://barn/1 post-events=on-change
In a window:
  pipelines/rtsp-camera.sh rtsp://barn/1 --codec h265 --show \\
    --zones "trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1"
USAGE
}

url='' codec=''
while [ $# -gt 0 ]; do
  if is_address "$1"; then url=$1 taken=1; else camera_option "$@"; fi
  [ "$taken" != 0 ] || common_option "$@"
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      *) refuse_word "$1" ;;
    esac
  fi
  shift "$taken"
done
[ -n "$url" ] || die "an address rtsp://... is needed"
camera_source "$url" 1
use_build
choose_for_camera "$kind" "$codec"

publish_events "$(name_of "$url")"
# With -e, Ctrl-C finishes a recording properly, so that it can be played.
exec cow-launch -q ${shown:+-e} "${access[@]}" \
  "${source[@]}" ! "${decoder[@]}" ! "${handover[@]}" ! "${detector[@]}" \
  cowbehavior "${properties[@]}" ! "${events[@]}" ${shown:+cowoverlay !} "${sink[@]}"
