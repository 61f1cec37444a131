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
# Two seconds at 25 frames a second; the first frames may be gone before the client listens.
enough_frames () { [ "$(wc -l <"$OUTPUT_DIR/events.tsv")" -ge 40 ]; }
known_labels () {
  ! cut -f 2 "$OUTPUT_DIR/events.tsv" |
    grep -v -x -E 'Drinking|Feeding head down|Feeding head up|Lying|Standing|Walking|frontal_pushing|gallop|leap'
}
falls_in_order () { sort -c -n -k 1,1 "$OUTPUT_DIR/events.tsv"; }
no_camera_left () { ! grep -l -a -s "cow-demo-camera.$OUTPUT_DIR" /proc/[0-9]*/cmdline; }

point "runs to its end" quickstart 2
point "labels the frames of the camera" enough_frames
point "with labels of the nine classes" known_labels
point "in the order of time" falls_in_order
point "says that the labels mean nothing" grep -q "labels mean nothing" "$OUTPUT_DIR/quickstart.log"
point "leaves no camera running" no_camera_left
point "runs a second time" quickstart 1
point "refuses a length that is none" refuses -5
echo "1..$number"
exit $failed
