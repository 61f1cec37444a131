#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One RTSP camera (H.264) to labels: one gst-launch-1.0 line, whose messages named "cowbehavior" are the results.
set -eu

usage () {
  cat <<USAGE
usage: pipelines/rtsp-camera.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH [--model MODEL --adapter ADAPTER] [--detector ELEMENTS]
         [--show | --to ELEMENTS] [PROPERTY=VALUE ...]

  --model MODEL        DINOv3 folder or file, or its name below the folders of \$COWBEHAVIOR_PATH
  --adapter ADAPTER    adapter folder, or its name likewise; without both, those of the demonstration, which knows drawn cows only
  --detector ELEMENTS  elements of a pipeline that find the cows: each region that they attach is labelled, instead of the whole frame
  --show               show the video in a window
  --to ELEMENTS        what the labelled frames go to, as "videoconvert ! x264enc ! mp4mux ! filesink location=barn.mp4"
  PROPERTY=VALUE       any other property of cowbehavior, as inference-interval=25 (gst-inspect-1.0 cowbehavior lists them)

The labels alone: pipelines/rtsp-camera.sh ... | awk -f pipelines/lib/events.awk
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

url='' detector=() sink=(fakesink sync=false) properties=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --model | --adapter | --detector | --to)
      [ -n "${2:-}" ] || die "$1 needs a value"
      case $1 in
        --detector) read -ra detector <<<"$2 !"; properties+=(inference-region=roi-list) ;;
        --to) read -ra sink <<<"$2" ;;
        *) properties+=("${1#--}=$(quote "$2")") ;;
      esac
      shift ;;
    --show) sink=(videoconvert ! autovideosink sync=false) ;;
    rtsp://* | rtsps://*) url=$1 ;;
    [a-z]*=*) properties+=("${1%%=*}=$(quote "${1#*=}")") ;;
    *) die "what is $1?" ;;
  esac
  shift
done
[ -n "$url" ] || die "an address rtsp://... is needed"

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
here=$(dirname "$0")
if [ -z "${GST_PLUGIN_PATH:-}" ] && [ -d "$here/../build/gst-plugin" ]; then export GST_PLUGIN_PATH=$here/../build/gst-plugin; fi
export COWBEHAVIOR_PATH=${COWBEHAVIOR_PATH:+$COWBEHAVIOR_PATH:}$here/demo/model

exec gst-launch-1.0 -m rtspsrc location="$(quote "$url")" "${credentials[@]}" protocols=tcp latency=200 ! rtph264depay ! h264parse ! \
  avdec_h264 ! videoconvert ! "${detector[@]}" cowbehavior "${properties[@]}" ! "${sink[@]}"
