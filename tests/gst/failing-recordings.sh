#!/bin/bash
# SPDX-License-Identifier: MIT
# Sample pipelines that record, when something fails: they end soon, with a status that is not 0 and
# a reason, so that whoever watches them can start them again. TAP.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
n=0 failed=0

# ends LABEL WORDS SCRIPT ARGUMENTS...: whether it does, within half a minute.
ends () {
  local label=$1 words=$2 status
  shift 2
  n=$((n + 1))
  timeout --kill-after 2 30 "$COW_TEST_PIPELINES/$1" "${@:2}" >"$folder/output" 2>&1 </dev/null
  status=$?
  if [ "$status" != 0 ] && [ "$status" != 124 ] && [ "$status" != 137 ] &&
    grep -q -e "$words" "$folder/output"; then
    echo "ok $n $label"
  else
    echo "not ok $n $label"
    sed 's/^/# /' "$folder/output"
    echo "# status $status, and not: $words"
    failed=1
  fi
}

if ! gst-inspect-1.0 --exists x264enc; then
  echo '1..0 # SKIP no x264enc'
  exit 0
fi
to=$folder/labelled.mp4
: >"$folder/empty.mp4"
echo 'no video' >"$folder/text.mp4"
gst-launch-1.0 -q videotestsrc num-buffers=5 ! video/x-raw,width=64,height=64 ! jpegenc ! avimux ! \
  filesink location="$folder/barn.avi"
ends "a camera that is not there" 'the port is closed' \
  rtsp-camera.sh rtsp://127.0.0.1:1/barn --mp4 "$to"
ends "a file that is no video" 'ERROR' file.sh "$folder/text.mp4" --mp4 "$to"
ends "an empty file" 'ERROR' file.sh "$folder/empty.mp4" --mp4 "$to"
ends "a wrong model" '/no/such does not exist' \
  file.sh "$folder/barn.avi" --mp4 "$to" model=/no/such adapter=/no/such
ends "a folder that is not there" '/no/such/labelled.mp4' \
  file.sh "$folder/barn.avi" --mp4 /no/such/labelled.mp4
echo "1..$n"
exit $failed
