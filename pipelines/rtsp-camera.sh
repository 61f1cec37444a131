#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One RTSP camera (H.264) to labels: one gst-launch-1.0 line, whose messages named "cowbehavior" are the results.
set -eu

usage () {
  cat <<USAGE
usage: pipelines/rtsp-camera.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH --model MODEL --adapter ADAPTER [--show] [PROPERTY=VALUE ...]

  --model MODEL      DINOv3 folder or file, or its name below the folders of \$COWBEHAVIOR_PATH
  --adapter ADAPTER  adapter folder, or its name likewise
  --show             show the video in a window
  PROPERTY=VALUE     any other property of cowbehavior, as inference-interval=25 (gst-inspect-1.0 cowbehavior lists them)

The labels alone: pipelines/rtsp-camera.sh ... | grep --line-buffered cowbehavior,
USAGE
}

die () {
  printf 'rtsp-camera.sh: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

# A value for gst-launch-1.0, whatever characters are in it.
quote () {
  local value=${1//\\/\\\\}
  printf '"%s"' "${value//\"/\\\"}"
}

# %40 in a URL is @.
decode () {
  local value=${1//\\/\\\\}
  printf '%b' "${value//%/\\x}"
}

url='' model='' adapter='' sink=(fakesink sync=false) properties=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --model | --adapter)
      [ $# -ge 2 ] || die "$1 needs a value"
      if [ "$1" = --model ]; then model=$2; else adapter=$2; fi
      shift ;;
    --show) sink=(videoconvert ! autovideosink sync=false) ;;
    rtsp://* | rtsps://*) url=$1 ;;
    [a-z]*=*) properties+=("${1%%=*}=$(quote "${1#*=}")") ;;
    *) die "what is $1?" ;;
  esac
  shift
done
[ -n "$url" ] || die "an address rtsp://... is needed"
[ -n "$model" ] || die "--model is needed"
[ -n "$adapter" ] || die "--adapter is needed"

# rtspsrc prints its location when it connects: user and password go in properties of their own, which nothing prints.
scheme=${url%%://*} rest=${url#*://}
authority=${rest%%[/?]*}
credentials=()
if [[ $authority == *@* ]]; then
  user=${authority%@*} password=''
  if [[ $user == *:* ]]; then password=${user#*:} user=${user%%:*}; fi
  credentials=("user-id=$(quote "$(decode "$user")")" "user-pw=$(quote "$(decode "$password")")")
  url=$scheme://${authority##*@}${rest#"$authority"}
fi

# Not installed but built here: use that.
build=$(dirname "$0")/../build/gst-plugin
if [ -z "${GST_PLUGIN_PATH:-}" ] && [ -d "$build" ]; then export GST_PLUGIN_PATH=$build; fi

exec gst-launch-1.0 -m rtspsrc location="$(quote "$url")" "${credentials[@]}" protocols=tcp latency=200 ! rtph264depay ! h264parse ! \
  avdec_h264 ! videoconvert ! cowbehavior model="$(quote "$model")" adapter="$(quote "$adapter")" "${properties[@]}" ! "${sink[@]}"
