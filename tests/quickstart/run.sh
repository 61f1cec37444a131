#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the whole quick start on the build under test, because it is what newcomers run first. Speaks
# TAP.
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
# column NAME: the fields of a column of the table, none of which is quoted.
column () {
  awk -F , -v name="$1" \
    'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) n = i; next } { print $n }' \
    "$OUTPUT_DIR/events.csv"
}
# The video has two seconds at 15 frames a second, with seven cows in each.
every_cow () {
  local found tracks
  found=$(sed -n 's/.* cows in its frames were found (\([0-9]*\)\.[0-9] %)/\1/p' \
    "$OUTPUT_DIR/quickstart.log")
  tracks=$(column track | sort -u | wc -l)
  echo "# $found % of the cows, $tracks tracks"
  [ "${found:-0}" -ge 85 ] && [ "$tracks" -ge 7 ] && [ "$tracks" -le 14 ] &&
    [ "$(column source | sort -u)" = barn ]
}
known_labels () {
  local labels='Drinking|Feeding head down|Feeding head up|Lying|Standing|Walking'
  labels+='|frontal_pushing|gallop|leap|unknown'
  ! column label | grep -v -x -E "$labels"
}
falls_in_order () { column time | sort -c -n; }
# Two seconds show few behaviours, so the limit is low; tests/demo tests the model.
mostly_right () {
  local right
  right=$(sed -n 's/.* does one thing: \([0-9]*\)\.[0-9] % right/\1/p' "$OUTPUT_DIR/quickstart.log")
  [ "${right:-0}" -ge 60 ]
}
# At least 28 frames of I420 are decoded.
plays () {
  gst-launch-1.0 -q filesrc location="$OUTPUT_DIR/labelled.mp4" ! \
    qtdemux ! h264parse ! avdec_h264 ! filesink location="$OUTPUT_DIR/frames"
  [ "$(stat -c %s "$OUTPUT_DIR/frames")" -ge $((28 * 640 * 360 * 3 / 2)) ]
}
# The header of the PNG has 640 and 360.
is_a_picture () {
  [ "$(od -A n -t x1 -j 16 -N 8 "$OUTPUT_DIR/labelled.png" | tr -d ' ')" = 0000028000000168 ]
}
# The camera of the quick start, watched without the queue of rtsp-camera.sh by somebody who takes
# twice as long as the video lasts. It needs the video, so it comes before the second run.
end_reaches_slow_viewer () {
  local camera status=0
  setpriv --pdeathsig KILL "${BUILD_DIR:-build}/pipelines/demo/cow-demo-camera" \
    "$OUTPUT_DIR/video.mp4" >"$OUTPUT_DIR/slow.url" &
  camera=$!
  while [ ! -s "$OUTPUT_DIR/slow.url" ] && kill -0 "$camera" 2>/dev/null; do sleep 0.1; done
  timeout 60 gst-launch-1.0 rtspsrc location="$(<"$OUTPUT_DIR/slow.url")" protocols=tcp ! \
    rtph264depay ! h264parse ! identity sleep-time=150000 ! fakesink \
    >"$OUTPUT_DIR/slow.log" 2>&1 || status=$?
  kill "$camera"
  wait "$camera"
  grep -q '^Got EOS from element' "$OUTPUT_DIR/slow.log" && return
  echo "# status $status"
  sed 's/^/# /' "$OUTPUT_DIR/slow.log"
  return 1
}
no_camera_left () { ! grep -l -a -s "cow-demo-camera.$OUTPUT_DIR" /proc/[0-9]*/cmdline; }

point "runs to its end" quickstart 2
point "finds and follows the cows of the camera's frames" every_cow
point "uses labels of the nine classes, or unknown" known_labels
point "sorts them by time" falls_in_order
point "gives the labels that were drawn" mostly_right
point "leaves a labelled video" plays
point "leaves a labelled picture" is_a_picture
point "says that the model knows drawings only" \
  grep -q "knows nothing of real ones" "$OUTPUT_DIR/quickstart.log"
point "sends its end to a slow viewer" end_reaches_slow_viewer
point "leaves no camera running" no_camera_left
point "runs a second time" quickstart 1
point "refuses an invalid length" refuses -5
echo "1..$number"
exit $failed
