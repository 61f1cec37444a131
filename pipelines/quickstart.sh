#!/bin/bash
# SPDX-License-Identifier: MIT
# Goes from nothing to labelled cows in one command: installs packages, builds, draws a barn, sends
# it through an RTSP camera on this machine, and labels every cow in it with the demonstration
# model. It writes to quickstart-output/ and build/ only and may be run again.
#
#   pipelines/quickstart.sh [SECONDS]     length of the video, 10 by default
#
# Environment: BUILD_DIR (build), OUTPUT_DIR (quickstart-output), COW_NO_INSTALL (not empty: install
# nothing).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8
build=${BUILD_DIR:-build}
output=${OUTPUT_DIR:-quickstart-output}
seconds=${1:-10}
camera_pid=''

say () { printf '\n== %s\n' "$*"; }
die () {
  echo "quickstart.sh: $*" >&2
  exit 1
}
stop_camera () {
  [ -z "$camera_pid" ] || kill "$camera_pid" 2>/dev/null || true
  camera_pid=''
}
trap stop_camera EXIT
[[ $seconds =~ ^[1-9][0-9]{0,3}$ ]] || die "\"$seconds\" seconds of video: expected 1 to 9999"

build () {
  if [ ! -f "$build/build.ninja" ]; then
    # meson would take the remains of an interrupted set-up for a build.
    [ ! -d "$build/meson-private" ] || rm -rf "$build"
    meson setup "$build" -Dtests=false
  fi
  ninja -C "$build"
  # A build made before the camera's library was installed lacks the camera.
  if [ ! -x "$build/pipelines/demo/cow-demo-camera" ]; then
    meson setup --reconfigure "$build"
    ninja -C "$build"
  fi
}

make_video () {
  "$build/pipelines/demo/cow-render-barn" video "$output/video.mp4" --seconds "$seconds" \
    --truth "$output/truth.jsonl"
}

# Sets camera_pid and url.
start_camera () {
  rm -f "$output/camera.url"
  "$build/pipelines/demo/cow-demo-camera" "$output/video.mp4" >"$output/camera.url" &
  camera_pid=$!
  local waited=0
  while [ ! -s "$output/camera.url" ]; do
    kill -0 "$camera_pid" 2>/dev/null || die "the demonstration camera did not start"
    [ $((waited += 1)) -le 100 ] || die "the demonstration camera did not listen within 10 s"
    sleep 0.1
  done
  url=$(<"$output/camera.url")
}

label () {
  local status=0
  rm -f "$output/labelled.mp4" "$output/events.csv"
  # The limit keeps this script from waiting for ever for a camera that stops sending. Found boxes
  # end a little before the cow does, and a head says much: the padding is for it.
  PATH=$PWD/$build/pipelines:$PATH \
    GST_PLUGIN_PATH=$PWD/$build/gst-plugin \
    timeout $((seconds * 4 + 60)) pipelines/rtsp-camera.sh "$url" --decoder software \
    mode=blocking padding=0.05 \
    --detector "cowdetect mode=blocking inference-interval=3" \
    --mp4 "$output/labelled.mp4" file="$output/events.csv" source=barn \
    >"$output/messages.txt" 2>&1 || status=$?
  [ "$status" = 0 ] ||
    die "the pipeline ended with status $status:" \
      "$(tail -n 5 "$output/messages.txt" | cut -c 1-300)"
}

# Takes one frame a second from the video, each written over the one before, so that the last stays.
make_picture () {
  gst-launch-1.0 -q filesrc location="$output/labelled.mp4" ! qtdemux ! h264parse ! avdec_h264 ! \
    videorate ! video/x-raw,framerate=1/1 ! videoconvert ! pngenc ! \
    multifilesink location="$output/labelled.png"
}

say "1/5 Packages"
# shellcheck source=pipelines/lib/packages.sh
. pipelines/lib/packages.sh
cow_install_packages BUILD RUN DEMO || die "packages are missing"
cow_tell_of_cuda
build=$(realpath -m --relative-to=. "$build")
say "2/5 Build (in $build/)"
build
mkdir -p "$output"
say "3/5 A drawn barn, $seconds s of it, and a camera that sends it"
make_video
start_camera
echo "$url"
say "4/5 Camera to labels"
label
stop_camera
make_picture
say "5/5 Labels compared with the drawing"
awk -f pipelines/demo/score.awk "$output/truth.jsonl" "$output/events.csv" ||
  die "no cow was labelled; see $output/messages.txt"

cat <<TEXT

  $output/labelled.mp4   the video with boxes and labels
  $output/labelled.png   a picture of it
  $output/events.csv     a table: who did what, when and where

The demonstration model was trained on drawings of cows and knows nothing of real ones; see
pipelines/demo/model/README.md. It finds the cows (cowdetect) and tells what they do (cowbehavior).
Next, try your own camera, DINOv3 folder (Hugging Face's, fp32, bf16 or NF4) and adapter:

  pipelines/rtsp-camera.sh rtsp://USER:PASSWORD@HOST/PATH \\
    --model MODEL_FOLDER --adapter ADAPTER_FOLDER --show

To quantise a downloaded model to 4 bits:
  $build/trainer/cow-trainer quantize MODEL_FOLDER NF4_FOLDER
To train an adapter from your own pictures of cows:
  $build/trainer/cow-trainer train --help
TEXT
