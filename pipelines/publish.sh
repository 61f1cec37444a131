#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Turns a camera or a recording into events: JSON lines in a file, by HTTP, or at an MQTT broker.
# Cameras and brokers may come and go.
set -eu
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/launch.sh"

usage () {
  cat <<USAGE
usage: pipelines/publish.sh rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH | FILE
         [--mqtt mqtt://[USER@]HOST[:PORT]] [--http http://HOST[:PORT]/PATH] [--file FILE]
         [--model MODEL --adapter ADAPTER] [--detector ELEMENTS] [--zones ZONES] [--decoder WAY]
         [--name NAME] [--home-assistant] [PROPERTY=VALUE ...]

  --mqtt ADDRESS       publish at a broker; mqtts:// for TLS. The password is read from the
                       environment: COWBEHAVIOR_MQTT_PASSWORD
  --http ADDRESS       post to an endpoint; password or token are read from the environment:
                       COWBEHAVIOR_HTTP_PASSWORD, COWBEHAVIOR_HTTP_TOKEN
  --file FILE          append to a file, which is rotated; a table where its name ends in .csv, else
                       JSON lines. Without any of these three options the events are printed
  --model MODEL        DINOv3 folder or file, or its name below the folders of \$COWBEHAVIOR_PATH
  --adapter ADAPTER    adapter folder, or its name below the same folders. Without --model and
                       --adapter the demonstration's are used, which know drawn cows only
  --detector ELEMENTS  elements of a pipeline that find the cows: each region that they attach is
                       labelled, instead of the whole frame
  --zones ZONES        parts of the frame, each labelled by itself, as
                       "pen 1=0,0,0.5,1; pen 2=0.5,0,0.5,1" (fractions: x,y,width,height)
  --decoder WAY        who decodes: nvdec (an NVIDIA GPU, that of device=cuda:N), vaapi, software,
                       or auto: the first of these that can
  --name NAME          the camera's name in events and topics; else its host and path, or the name
                       of the recording, are
  --home-assistant     let Home Assistant show the labels of the frame or of the zones, or how many
                       cows do what, through the broker
  PROPERTY=VALUE       any other property of cowbehavior, as inference-interval=25, or of
                       cowpublish, as post-events=on-change (gst-inspect-1.0 cowbehavior and
                       gst-inspect-1.0 cowpublish list them)
$CAMERA_OPTIONS

A camera that goes away is reconnected, after minutes where it refuses the login, because cameras
lock; so is HLS, which is taken for that of a camera. Ctrl+C, TERM or HUP end the program. A
recording ends by itself. At the end the numbers of events sent and dropped are printed. To see what
the broker receives:
  mosquitto_sub -v -t 'cowbehavior/#'
USAGE
}

input='' name='' home_assistant='' finder='' publication=cowpublish targets=''
# Nobody prints the messages; a property of the user's comes later.
behaviour='cowbehavior post-messages=none'
add () {
  if is_of_publisher "$1"; then
    publication+=" $1=$(quote "$2")"
  else
    behaviour+=" $1=$(quote "$2")"
  fi
  case $1 in
    file | http-url | mqtt-url) targets+=" $1" ;;
    device) device=$2 ;;
  esac
}
codec=''
while [ $# -gt 0 ]; do
  camera_option "$@"
  if [ "$taken" != 0 ]; then
    shift "$taken"
    continue
  fi
  case $1 in
    -h | --help) usage; exit 0 ;;
    --mqtt | --http | --file | --model | --adapter | --detector | --zones | --decoder | --name)
      [ -n "${2:-}" ] || die "$1 needs a value"
      case $1 in
        --mqtt | --http) add "${1#--}-url" "$2" ;;
        --detector)
          # shellcheck disable=SC2034  # launch.sh looks whether there is one
          finder="$2 ! " detector=("$2")
          add inference-region roi-list ;;
        --decoder) choose_decoding "$2" ;;
        --name) name=$2 ;;
        *) add "${1#--}" "$2" ;;
      esac
      shift ;;
    --home-assistant) home_assistant=yes; add mqtt-discovery true ;;
    *)
      if is_address "$1" || [ -r "$1" ]; then
        input=$1
      elif is_property "$1"; then
        add "${1%%=*}" "${1#*=}"
      else
        refuse_file "$1"
      fi ;;
  esac
  shift
done
[ -n "$input" ] || die "an address rtsp://... or a recording is needed"
[ -z "$home_assistant" ] || [[ $targets == *mqtt-url* ]] || die "--home-assistant needs --mqtt"
add source "${name:-$(name_of "$input")}"
[ -n "$targets" ] || add file -

use_build
rest="$finder$behaviour ! $publication ! fakesink sync=false"
if is_address "$input"; then
  camera_source "$input" 1
  choose_for_camera "$kind" "$codec"
  [ "$kind" != rtp ] || source+=(add-reference-timestamp-meta=true)
  [ "$kind" != recording ] || access+=(--once)
  exec cow-reconnect "${access[@]}" "${source[*]} ! ${decoder[*]} ! ${handover[*]}" "$rest"
else
  refuse_camera_options
  choose_for_file "$input"
  exec cow-reconnect --once \
    "filesrc location=$(quote "$input") ! ${decoder[*]} ! ${handover[*]}" "$rest"
fi
