#!/bin/bash
# SPDX-License-Identifier: MIT
# From nothing to labelled frames in one command: installs packages, builds, makes a small 4-bit DINOv3 with an adapter, and lets it label
# H.264 video from an RTSP camera on this machine. All that it makes is in quickstart-output/ and build/; it may be run again.
#
#   pipelines/quickstart.sh [SECONDS]     length of the video, 10 by default
#
# Environment: BUILD_DIR (build), OUTPUT_DIR (quickstart-output), COW_NO_INSTALL (not empty: install nothing).
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
    # What an interrupted set-up leaves would be taken for a build.
    [ ! -d "$build/meson-private" ] || rm -rf "$build"
    meson setup "$build" -Dtests=false
  fi
  ninja -C "$build"
  # A build from before the camera's library was installed has no camera.
  if [ ! -x "$build/pipelines/demo/cow-demo-camera" ]; then
    meson setup --reconfigure "$build"
    ninja -C "$build"
  fi
}

make_model () {
  rm -rf "$output/model" "$output/model-nf4" "$output/adapter"
  "$build/pipelines/demo/cow-formula-model" tiny "$output/model" --adapter "$output/adapter" --rank 8 --targets all-linear --dora --head
  "$build/trainer/cow-trainer" quantize "$output/model" "$output/model-nf4"
  "$build/trainer/cow-trainer" info "$output/model-nf4" "$output/adapter"
}

make_video () {
  gst-launch-1.0 -q videotestsrc pattern=ball num-buffers=$((seconds * 25)) ! \
    video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! x264enc tune=zerolatency key-int-max=25 ! h264parse ! mp4mux ! \
    filesink location="$output/video.mp4"
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

# The bus messages named "cowbehavior" as lines: seconds into the stream, label, confidence; tab-separated.
messages_to_events () {
  sed -n -E 's/.*: cowbehavior, timestamp=\(guint64\)([0-9]+),.* labels=\(string\)< "?([^>"]*[^>" ])"? >, confidences=\(double\)< ([0-9.e-]+) >.*/\1\t\2\t\3/p' |
    awk -F '\t' -v OFS='\t' '{ printf "%.2f\t%s\t%.3f\n", $1 / 1e9, $2, $3; fflush () }'
}

# The stream was over, and only rtspsrc's last words found the connection closed: gst-launch-1.0 calls that an error.
said_goodbye () {
  grep -q '^Got EOS from element' "$output/messages.txt"
}

summary () {
  awk -F '\t' '
    { n[$2]++; sum[$2] += $3; total++; last = $1 }
    END {
      if (total == 0) exit 1
      printf "%d frames labelled in %.1f s of video\n\n", total, last
      printf "%-20s %8s %8s %20s\n", "label", "frames", "share", "average confidence"
      for (label in n) printf "%-20s %8d %7.0f%% %20.2f\n", label, n[label], 100 * n[label] / total, sum[label] / n[label]
    }' "$output/events.tsv"
}

say "1/5 Packages"
# shellcheck source=pipelines/lib/packages.sh
. pipelines/lib/packages.sh
cow_install_packages BUILD RUN DEMO || die "packages are missing"
build=$(realpath -m --relative-to=. "$build")
say "2/5 Build (in $build/)"
build
mkdir -p "$output"
say "3/5 A small DINOv3 in NF4 with a DoRA adapter, made from a formula"
make_model
say "4/5 An H.264 video and a camera that sends it"
make_video
start_camera
echo "$url"
say "5/5 Camera to labels (messages: $output/messages.txt, events: $output/events.tsv)"
# A camera that stops sending is no end; the limit only keeps this script from waiting for ever.
export GST_PLUGIN_PATH=$PWD/$build/gst-plugin
timeout $((seconds * 4 + 60)) pipelines/rtsp-camera.sh "$url" --model "$output/model-nf4" --adapter "$output/adapter" mode=blocking \
  >"$output/messages.txt" 2>"$output/errors.txt" || said_goodbye || die "the pipeline failed: $(tail -n 5 "$output/errors.txt")"
stop_camera
messages_to_events <"$output/messages.txt" >"$output/events.tsv"
summary || die "no frame was labelled; see $output/messages.txt and $output/errors.txt"

cat <<TEXT

This model is made from a formula: the way of a frame is the real one, but its labels mean nothing. With a trained model they do.
Next, your own camera, DINOv3 folder (Hugging Face's, fp32, bf16 or NF4) and adapter:

  pipelines/rtsp-camera.sh rtsp://USER:PASSWORD@HOST/PATH --model MODEL_FOLDER --adapter ADAPTER_FOLDER --show

4-bit weights out of a downloaded model:  $build/trainer/cow-trainer quantize MODEL_FOLDER NF4_FOLDER
TEXT
