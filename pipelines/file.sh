#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels a recording with one line of cow-launch, and prints or writes a table of the results.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/file.sh VIDEO [OPTION ...] [PROPERTY=VALUE ...]

VIDEO is a file of any kind that GStreamer plays, or the address of one, or of a finished HLS
playlist: http:// or https://, for which --ca, --fingerprint, --insecure and logins are as
rtsp-camera.sh --help says. Every frame is classified, however long that
takes: inference-interval=10 classifies every tenth frame, and batch-size=8 makes better use of the
processor. A recording that a phone stored on its side is turned upright.
$COMMON_OPTIONS

A labelled copy:
  pipelines/file.sh barn.mp4 --mp4 labelled.mp4 inference-interval=5
Two pens, as a table:
  pipelines/file.sh barn.mp4 --zones "left=0,0,0.5,1; right=0.5,0,0.5,1" file=pens.csv
USAGE
}

# shellcheck disable=SC2034  # whatever comes by HTTP is a recording
video='' codec='' recordings=yes
# shellcheck disable=SC2034  # --hls keeps the whole recording
hls_length=(playlist-length=0 max-files=0)
while [ $# -gt 0 ]; do
  # This comes before the options, because a file's name may look like PROPERTY=VALUE.
  if [ -f "$1" ] || is_address "$1"; then video=$1 taken=1; else camera_option "$@"; fi
  [ "$taken" != 0 ] || common_option "$@"
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      *) refuse_file "$1" ;;
    esac
  fi
  shift "$taken"
done
[ -n "$video" ] || die "a video file is needed"
use_build
if is_address "$video"; then
  camera_source "$video" 1
  [ "$kind" != rtp ] || refuse "a camera is for rtsp-camera.sh"
  choose_for_camera "$kind" "$codec"
else
  refuse_camera_options
  choose_for_file "$video"
  source=(filesrc "location=$(quote "$video")")
fi

publish_events "$(name_of "$video")"
# With -e, Ctrl-C finishes a recording properly, so that it can be played.
exec cow-launch -q ${shown:+-e} "${access[@]}" \
  "${source[@]}" ! "${decoder[@]}" ! "${handover[@]}" ! "${detector[@]}" \
  cowbehavior "${properties[@]}" ! "${events[@]}" ${shown:+cowoverlay !} "${sink[@]}"
