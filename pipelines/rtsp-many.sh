#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Labels many RTSP cameras in one pipeline, whose branches share one network in memory, and its
# batches. With --show or another output all cameras appear on one wall of pictures.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/rtsp-many.sh rtsp://CAMERA1 rtsp://CAMERA2 ... [OPTION ...] [PROPERTY=VALUE ...]

All cameras have the same options. The column "source" names the camera by its host and path, and by
its number where that is not enough; which address has which name is said at the start.
A camera that is off, goes away or ends its stream stops no other: it is named with the reason, its
place on the wall goes black, and it is tried again, after 1 to 10 seconds, or after 5 minutes where
it refuses the login, because cameras lock. Where all are away the script waits for them. Ctrl+C,
TERM or HUP end it, with status 0 where any camera gave a picture and 1 where none ever did.

  --tile WIDTHxHEIGHT  size of each camera's picture on the wall, 640x360 by default
$CAMERA_OPTIONS
$COMMON_OPTIONS

Four cameras on a wall; a detector of DL Streamer finds the cows, and each cow is classified once a
second at most:
  pipelines/rtsp-many.sh rtsp://barn/1 rtsp://barn/2 rtsp://barn/3 rtsp://barn/4 --show \\
    reclassify-interval=25 --detector "gvadetect model=cows.xml ! gvatrack"
USAGE
}

urls=() codec='' tile=640x360
while [ $# -gt 0 ]; do
  if is_address "$1"; then urls+=("$1") taken=1; else camera_option "$@"; fi
  [ "$taken" != 0 ] || common_option "$@"
  if [ "$taken" = 0 ]; then
    case $1 in
      -h | --help) usage; exit 0 ;;
      --tile) tile=${2:-} taken=2 ;;
      *) refuse_word "$1" ;;
    esac
  fi
  shift $((taken < $# ? taken : $#))
done
[ "${#urls[@]}" -gt 0 ] || die "addresses rtsp://... are needed"
[[ $tile =~ ^([1-9][0-9]{1,3})x([1-9][0-9]{1,3})$ ]] ||
  die "--tile is WIDTHxHEIGHT in pixels, as 640x360, not \"$tile\""
width=${BASH_REMATCH[1]} height=${BASH_REMATCH[2]}
[[ " ${publisher[*]}" != *" source="* ]] ||
  refuse "source=NAME would be that of all cameras, whose events nobody could tell apart"
use_build

# The wall has as many columns as rows, or one more.
columns=1 n=${#urls[@]}
while [ $((columns * columns)) -lt "$n" ]; do columns=$((columns + 1)); done
rows=$(((n + columns - 1) / columns))

# Each picture is scaled to its width before cowoverlay draws on it, so that letters have the same
# size in all. Its height follows from its shape, which the wall keeps. The wall does not wait for a
# late picture but leaves it out. cow-launch shows none of a camera that has given nothing for 3 s.
# name_camera URL NUMBER: sets `name`, which no other camera has, and says it.
name_camera () {
  name=$(name_of "$1")
  if [ "$name" = camera ] || [ -n "${named[$name]:-}" ]; then name+=-$2; fi
  named[$name]=yes
  printf '%s: camera %s is "%s"\n' "$(basename "$0")" "$2" "$name" >&2
}

sources=() branches=() places=()
declare -A named=()
for i in "${!urls[@]}"; do
  camera_source "${urls[i]}" "$((i + 1))"
  name_camera "${urls[i]}" "$((i + 1))"
  publish_events "$name"
  choose_for_camera "$kind" "$codec"
  sources+=("${source[*]} ! ${decoder[*]} ! ${handover[*]}")
  branches+=(identity "name=from$((i + 1))" silent=true ! "${detector[@]}"
    cowbehavior "name=camera$((i + 1))" "${properties[@]}" ! "${events[@]}")
  if [ -n "$shown" ]; then
    row=$((i / columns))
    branches+=(videoscale ! "video/x-raw,width=$width,pixel-aspect-ratio=1/1" ! cowoverlay !
      queue leaky=downstream ! "wall.sink_$i")
    places+=("sink_$i::xpos=$((i % columns * width))" "sink_$i::ypos=$((row * height))"
      "sink_$i::width=$width" "sink_$i::height=$height" "sink_$i::zorder=$((i + 1))"
      "sink_$i::sizing-policy=keep-aspect-ratio")
  else
    branches+=("${sink[@]}")
  fi
done

# A wall has its size and pace, which a recording cannot change, before there is a camera. A black
# spot below the first tile drives it. Half a second is for cameras that come later. The wall starts
# with the first picture of any, because it ends itself where it starts and none has come.
[ -z "$shown" ] ||
  places=(compositor name=wall background=black ignore-inactive-pads=true
    start-time-selection=first min-upstream-latency=500000000 "sink_$n::zorder=0" "${places[@]}" !
    "video/x-raw,width=$((columns * width)),height=$((rows * height)),framerate=25/1" !
    "${sink[@]}" videotestsrc is-live=true pattern=black !
    'video/x-raw,width=16,height=16,framerate=25/1' ! "wall.sink_$n")

# With -e, Ctrl-C finishes a recording properly, so that it can be played.
exec cow-launch -q ${shown:+-e} "${access[@]}" --again "$n" "${sources[@]}" \
  "${places[@]}" "${branches[@]}"
