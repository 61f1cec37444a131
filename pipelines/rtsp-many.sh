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

Labels of the n-th camera are messages of the element camera<n>. All cameras have the same options.
The pipeline ends when one of them goes away: let systemd, or a loop, start it again.

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
use_build

# The wall has as many columns as rows, or one more.
columns=1
while [ $((columns * columns)) -lt "${#urls[@]}" ]; do columns=$((columns + 1)); done

# Each picture is scaled to its width before cowoverlay draws on it, so that letters have the same
# size in all. Its height follows from its shape, which the wall keeps. The wall does not wait for a
# late picture but leaves it out.
branches=() places=()
for i in "${!urls[@]}"; do
  camera_source "${urls[i]}" "$((i + 1))"
  choose_for_camera "$kind" "$codec"
  branches+=("${source[@]}" ! "${decoder[@]}" ! "${handover[@]}" ! "${detector[@]}"
    cowbehavior "name=camera$((i + 1))" "${properties[@]}" !)
  if [ -n "$shown" ]; then
    row=$((i / columns))
    branches+=(videoscale ! "video/x-raw,width=$width,pixel-aspect-ratio=1/1" ! cowoverlay !
      queue leaky=downstream ! "wall.sink_$i")
    places+=("sink_$i::xpos=$((i % columns * width))" "sink_$i::ypos=$((row * height))"
      "sink_$i::width=$width" "sink_$i::height=$height"
      "sink_$i::sizing-policy=keep-aspect-ratio")
  else
    branches+=("${sink[@]}")
  fi
done
[ -z "$shown" ] ||
  places=(compositor name=wall background=black ignore-inactive-pads=true
    "${places[@]}" ! "${sink[@]}")

# With -e, Ctrl-C finishes a recording properly, so that it can be played.
exec cow-launch ${shown:+-e} "${access[@]}" "${places[@]}" "${branches[@]}"
