#!/bin/bash
# SPDX-License-Identifier: MIT
# The quick start, whole, on the build under test: what a stranger runs first has to work. Speaks TAP.
# shellcheck disable=SC2317  # point runs the functions by name
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
number=0 failed=0
OUTPUT_DIR=$(mktemp -d)
export OUTPUT_DIR COW_NO_INSTALL=yes
trap 'rm -rf "$OUTPUT_DIR"' EXIT

# point LABEL COMMAND...
point () {
  local label=$1
  shift
  number=$((number + 1))
  if "$@"; then
    echo "ok $number $label"
  else
    echo "not ok $number $label"
    failed=1
  fi
}

quickstart () {
  pipelines/quickstart.sh "$@" >"$OUTPUT_DIR/quickstart.log" 2>&1 </dev/null && return
  sed 's/^/# /' "$OUTPUT_DIR/quickstart.log"
  return 1
}
refuses () { ! pipelines/quickstart.sh "$@" >/dev/null 2>&1; }
# Two seconds at 15 frames a second, seven cows in each.
every_cow () { [ "$(wc -l <"$OUTPUT_DIR/events.tsv")" -ge 182 ] && [ "$(cut -f 2 "$OUTPUT_DIR/events.tsv" | sort -u | wc -l)" = 7 ]; }
known_labels () {
  ! cut -f 3 "$OUTPUT_DIR/events.tsv" |
    grep -v -x -E 'Drinking|Feeding head down|Feeding head up|Lying|Standing|Walking|frontal_pushing|gallop|leap'
}
falls_in_order () { sort -c -n -k 1,1 "$OUTPUT_DIR/events.tsv"; }
# Two seconds show few behaviours; tests/demo judges the model.
mostly_right () {
  local right
  right=$(sed -n 's/.* does one thing: \([0-9]*\)\.[0-9] % right/\1/p' "$OUTPUT_DIR/quickstart.log")
  [ "${right:-0}" -ge 60 ]
}
# 28 frames of I420 or more.
plays () {
  gst-launch-1.0 -q filesrc location="$OUTPUT_DIR/labelled.mp4" ! qtdemux ! h264parse ! avdec_h264 ! filesink location="$OUTPUT_DIR/frames"
  [ "$(stat -c %s "$OUTPUT_DIR/frames")" -ge $((28 * 640 * 360 * 3 / 2)) ]
}
# 640 and 360 in the header of a PNG.
is_a_picture () { [ "$(od -A n -t x1 -j 16 -N 8 "$OUTPUT_DIR/labelled.png" | tr -d ' ')" = 0000028000000168 ]; }
no_camera_left () { ! grep -l -a -s "cow-demo-camera.$OUTPUT_DIR" /proc/[0-9]*/cmdline; }

point "runs to its end" quickstart 2
point "labels every cow of the camera's frames" every_cow
point "with labels of the nine classes" known_labels
point "in the order of time" falls_in_order
point "which are those that were drawn" mostly_right
point "leaves a labelled video" plays
point "and a labelled picture" is_a_picture
point "says that the model knows drawings only" grep -q "knows nothing of real ones" "$OUTPUT_DIR/quickstart.log"
point "leaves no camera running" no_camera_left
point "runs a second time" quickstart 1
point "refuses a length that is none" refuses -5
echo "1..$number"
exit $failed
