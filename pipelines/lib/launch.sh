# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The parts of a pipeline: options of cowbehavior, addresses, decoders, publishers, and outputs for
# labelled frames. pipeline.sh puts them together.
# shellcheck source=pipelines/lib/decoders.sh
. "$(dirname "${BASH_SOURCE[0]}")/decoders.sh"

# The options set these, each a part of the pipeline, or (access) an option of cow-launch, or
# (outputs) pairs of a kind and a value.
# shellcheck disable=SC2034  # pipeline.sh puts them together
detector=() properties=(post-messages=none) publisher=() outputs=() sink=(fakesink sync=false)
# shellcheck disable=SC2034
device='' access=() protocols='' shown='' classifies=yes

# Variables for the program that plays, and for no other: NAME=VALUE.
secrets=()

# Where in which file the words stand that are looked at; empty: on the command line.
at=''

# shellcheck disable=SC2016  # $COWBEHAVIOR_PATH is printed as it stands
COMMON_OPTIONS='What finds and labels the cows:
  --model MODEL        DINOv3 folder or file, or its name below the folders of $COWBEHAVIOR_PATH
  --adapter ADAPTER    adapter folder, or its name below the same folders. Without --model and
                       --adapter the demonstration'"'"'s are used, which know drawn cows only
  --detector ELEMENTS  elements of a pipeline that find the cows: each region that they attach is
                       labelled, instead of the whole frame
  --no-classifier      the detector tells what the cows do, and nothing else does: "cowdetect
                       adapter=..." with an adapter that was trained on boxes with behaviors
  --zones ZONES        parts of the frame, each labelled by itself, as
                       "pen 1=0,0,0.5,1; pen 2=0.5,0,0.5,1" (fractions: x,y,width,height)
  --decoder WAY        who decodes: nvdec (an NVIDIA GPU, that of device=cuda:N), vaapi, software,
                       or auto: the first of these that can. What was taken, and why, is said at
                       the start
  PROPERTY=VALUE       any other property of cowbehavior, as inference-interval=25, or of
                       cowpublish, which writes the events (gst-inspect-1.0 lists them)

Where events go. Without one of these they are printed.
  --file FILE          append to a file, which is rotated: a table where its name ends in .csv, else
                       JSON lines
  --mqtt ADDRESS       publish at a broker, mqtt://[USER@]HOST[:PORT], or mqtts:// for TLS. The
                       password is read from the environment: COWBEHAVIOR_MQTT_PASSWORD
  --http ADDRESS       post to an endpoint; password or token are read from the environment:
                       COWBEHAVIOR_HTTP_PASSWORD, COWBEHAVIOR_HTTP_TOKEN
  --home-assistant     let Home Assistant show the labels of the frame or of the zones, or how many
                       cows do what, through the broker
  --name NAME          the name, in events and topics, of the camera before it; else its host and
                       path, or the name of the recording, are

Outputs for the frames, on which cowoverlay draws boxes, labels, confidence, age and time budget.
  --show               a window
  --mp4 FILE           a recording in H.264, without sound, whose name may hold a time, as
                       barn-%F-%H%M.mp4 (date(1) has the letters). Ctrl+C, TERM and HUP complete
                       it. A program that is killed loses a second of it, a machine without power
                       what its system had not written, usually half a minute
  --hls FOLDER         a playlist FOLDER/index.m3u8 for web browsers, with its segments of 4 s
  --to ELEMENTS        anything else, as
                       "videoconvert ! jpegenc ! multifilesink location=frame%05d.jpg"
No output may be the file that is read. A FILE that exists stays as it is until the first picture is
recorded; where a recording is labelled, until that has ended well: meanwhile it is FILE.XXXXXX.'

# shellcheck disable=SC2034
CAMERA_OPTIONS='Cameras. Addresses are rtsp://, rtsps://, rtspt:// (TCP), rtspu:// (UDP), rtsph://
(tunnelled through HTTP), or http:// and https:// for MJPEG, HLS (.m3u8) or a recording (.mp4 and
others). User and password may hold any character as it is, or as %XX; a / is %2F and a ? is %3F
there. An address that gives a single picture is refused.
  --codec CODEC        what an RTSP camera sends: auto (the default, which finds it out), h264, h265
                       or mjpeg; any other is then refused. Frames that stay on a GPU are h264
                       unless this says otherwise
  --protocols WAY      tcp (the default) or udp
  --ca FILE            trust the certificates in FILE, for rtsps:// and https://: that of a camera
                       that signed its own, or that of your authority
  --fingerprint SHA256 trust the certificate with this fingerprint alone, whoever signed it; may be
                       repeated. Where a certificate is not trusted, its fingerprint is printed:
                       compare it with the one on the camera'"'"'s own page
  --insecure           trust every certificate: whoever is in between can read and change all'

# say LEVEL TEXT: prints a message on the standard error. Where that is systemd's journal, it learns
# the level of sd-daemon(3): 3 is an error, 4 a warning, 6 information.
say () {
  local mark=''
  if [ -n "${JOURNAL_STREAM:-}" ] &&
    [ "$(stat -L -c %d:%i /proc/self/fd/2)" = "$JOURNAL_STREAM" ]; then
    mark="<$1>"
  fi
  printf '%s%s: %s\n' "$mark" "${0##*/}" "$2" >&2
}

# refuse SENTENCE: ends the script at something that was typed wrong, in the file and line of `at`.
refuse () {
  say 3 "${at:+$at: }$1"
  exit 2
}

# Like refuse (), and says how the script is used.
die () {
  say 3 "${at:+$at: }$1"
  say 6 "usage: ${0##*/} ${synopsis:-} [OPTION ...] [PROPERTY=VALUE ...]; --help explains it"
  exit 2
}

# Quotes a value for gst-launch-1.0; it may contain any character.
quote () {
  local value=${1//\\/\\\\}
  printf '"%s"' "${value//\"/\\\"}"
}

# nearest_option OPTION: prints the option that differs from it by two letters at most.
nearest_option () {
  printf '%s\n' "$COMMON_OPTIONS" "$CAMERA_OPTIONS" "${OTHER_OPTIONS:-}" |
    grep -o -E '^  --[a-z0-9-]+' | tr -d ' ' | awk -v word="$1" '
      function min (a, b) { return a < b ? a : b }
      { n = length (word); m = length ($0)
        for (k = 0; k <= m; k++) row[k] = k
        for (i = 1; i <= n; i++) {
          corner = row[0]; row[0] = i
          for (k = 1; k <= m; k++) {
            cost = corner + (substr (word, i, 1) != substr ($0, k, 1))
            corner = row[k]
            row[k] = min (cost, min (row[k], row[k - 1]) + 1)
          }
        }
        if (row[m] <= 2 && (!best || row[m] < least)) { best = $0; least = row[m] } }
      END { if (best) print best }'
}

# refuse_word WORD: ends the script at a word that is nothing. Only the name of an option is
# printed, because anything else may be an address that was typed wrong, with its password.
refuse_word () {
  local name=${1%%[=:@/]*} like
  case $1 in
    -*)
      like=$(nearest_option "$name")
      die "unknown option $name${like:+; did you mean $like?}" ;;
  esac
  refuse "a word is neither an address as rtsp://..., nor a file, an option or PROPERTY=VALUE;\
 it is not printed, because it may hold a password"
}

# refuse_file WORD: the same, where a word may be a file, whose name is printed.
refuse_file () {
  case $1 in
    -* | *@*) refuse_word "$1" ;;
    *) die "$1: no such file" ;;
  esac
}

# The file is in fragments, each written as soon as it is complete, so that it can be played
# wherever it is cut off. At the end it becomes an ordinary MP4, in which every player seeks.
mp4_sink () {
  local file=$1
  [[ $file != *%[FYms]* ]] || printf -v file "%($file)T" -1
  sink=("${encoder[@]}" ! h264parse ! mp4mux fragment-duration=1000
    fragment-mode=first-moov-then-finalise ! filesink buffer-mode=unbuffered
    "location=$(quote "$file")")
}

# hls_sink FOLDER LENGTH...: makes the folder; LENGTH says how much the playlist keeps. hlssink uses
# the folder's name as a pattern for printf, hence the %%. It is not hlssink2: its splitmuxsink
# sometimes loses the end of the stream, so that nothing ends (seen with GStreamer 1.22 on a busy
# machine).
hls_sink () {
  mkdir -p -- "$1" || exit 1
  local pattern=${1//%/%%}
  sink=("${encoder[@]}" key-int-max=50 ! h264parse ! mpegtsmux !
    hlssink "location=$(quote "$pattern/segment%05d.ts")"
    "playlist-location=$(quote "$1/index.m3u8")" target-duration=4 "${@:2}")
}

# choose_sink LENGTH...: sets `sink` to the outputs that were asked for; --hls keeps as much.
choose_sink () {
  local i all=() n=$((${#outputs[@]} / 2))
  for ((i = 0; i < n; i++)); do
    # Players need 4:2:0; not all of them know the finer chroma that some cameras have. cow-launch
    # makes odd sizes even.
    encoder=(videoconvert ! 'video/x-raw,format=I420' ! videocrop "name=even$i" ! x264enc
      tune=zerolatency)
    case ${outputs[2 * i]} in
      mp4) mp4_sink "${outputs[2 * i + 1]}" ;;
      hls) hls_sink "${outputs[2 * i + 1]}" "$@" ;;
      to) read -ra sink <<<"${outputs[2 * i + 1]}" ;;
      show) sink=(videoconvert ! autovideosink sync=false) ;;
    esac
    all+=(copies. ! queue ! "${sink[@]}")
  done
  [ "$n" -le 1 ] || sink=(tee name=copies "${all[@]}")
}

# common_option OPTION [VALUE]: handles one of the options above. Sets `taken` to the number of
# words that it used, 0 when it is none of them.
common_option () {
  taken=2
  case $1 in
    --model | --adapter | --detector | --zones | --decoder | --mp4 | --hls | --to | --file | \
      --mqtt | --http)
      [ -n "${2:-}" ] || die "$1 needs a value" ;;
    *) taken=1 ;;
  esac
  case $1 in
    --model | --adapter | --zones) properties+=("${1#--}=$(quote "$2")") ;;
    --detector) read -ra detector <<<"$2 !"; properties+=(inference-region=roi-list) ;;
    --no-classifier) classifies=no taken=1 ;;
    --decoder) choose_decoding "$2" ;;
    --file) publisher+=("file=$(quote "$2")") ;;
    --mqtt | --http) publisher+=("${1#--}-url=$(quote "$2")") ;;
    --mp4 | --hls | --to) outputs+=("${1#--}" "$2") shown=yes ;;
    --show) outputs+=(show '') shown=yes ;;
    *)
      if is_property "$1"; then
        if is_of_publisher "${1%%=*}"; then
          publisher+=("${1%%=*}=$(quote "${1#*=}")")
        else
          properties+=("${1%%=*}=$(quote "${1#*=}")")
        fi
        if [ "${1%%=*}" = device ]; then device=${1#*=}; fi
      else
        taken=0
      fi ;;
  esac
}

# is_of_publisher PROPERTY: whether it belongs to cowpublish; all others belong to cowbehavior.
is_of_publisher () {
  case $1 in
    source | post-events | queue-size | leaky | drain-timeout) return 0 ;;
    file | file-format | max-file* | http-* | mqtt-*) return 0 ;;
    *) return 1 ;;
  esac
}

# name_of ADDRESS|FILE: a name that other cameras do not have: host and path, or the recording's.
# Nothing of it may be a login, which some cameras have in the path or in the query, and which may
# be written so that it cannot be told from the rest.
name_of () {
  local rest=${1#*://} host path part parts name
  if [[ $1 != *://* ]]; then
    name=${1##*/}
    echo "${name%.*}"
    return
  fi
  host=${rest%%[/?#]*}
  path=${rest#"$host"}
  if [[ $path == *@* ]]; then
    echo camera
    return
  fi
  name=${host##*@}
  IFS=/ read -ra parts <<<"${path%%[?#]*}"
  for part in "${parts[@]:1}"; do
    [[ $part == *[=\&]* ]] || name+=-$part
  done
  [[ ! $path =~ channel=([0-9]+) ]] || name+=-channel-${BASH_REMATCH[1]}
  echo "$name"
}

# publishes PROPERTY: whether cowpublish was given it.
publishes () {
  local property
  for property in "${publisher[@]}"; do
    [[ $property != "$1="* ]] || return 0
  done
  return 1
}

# publish_events NAME PROPERTY...: sets `events`, the elements that print or write what cowbehavior
# finds, as the properties of cowpublish that were given say: else they are printed, and these
# properties say how.
publish_events () {
  if publishes file || publishes http-url || publishes mqtt-url; then set -- "$1"; fi
  # What the user gave comes behind, and counts.
  events=(cowpublish "source=$(quote "$1")" "${posted[@]}" "${@:2}" "${publisher[@]}" !)
}

# is_property WORD: whether it is PROPERTY=VALUE. An address with a = in it is none.
is_property () { [[ $1 =~ ^[A-Za-z][A-Za-z0-9-]*= ]]; }

# is_address WORD: whether it begins as an address does.
is_address () { [[ $1 =~ ^[A-Za-z][A-Za-z0-9+.-]*:// ]]; }

# camera_option OPTION [VALUE]: handles one of CAMERA_OPTIONS; sets `taken` as common_option ().
camera_option () {
  taken=2
  case $1 in
    --codec | --protocols | --ca | --fingerprint) [ -n "${2:-}" ] || die "$1 needs a value" ;;
  esac
  case $1 in
    --codec)
      # shellcheck disable=SC2034
      case $2 in
        h264 | h265 | mjpeg | auto) codec=$2 ;;
        *) die "--codec is h264, h265, mjpeg or auto, not \"$2\"" ;;
      esac ;;
    --protocols)
      case $2 in
        tcp | udp) protocols=$2 ;;
        *) die "--protocols is tcp or udp, not \"$2\"" ;;
      esac ;;
    --ca)
      [ -r "$2" ] || refuse "--ca $2: no such file, or not to be read"
      access+=(--ca "$2") ;;
    --fingerprint) access+=(--fingerprint "$2") ;;
    --insecure) access+=(--insecure) taken=1 ;;
    *) taken=0 ;;
  esac
}

# Ends the script where an option of cameras was given.
refuse_camera_options () {
  [ -z "${codec:-}$protocols${access[*]}" ] ||
    refuse "--codec, --protocols, --ca, --fingerprint and --insecure are for cameras"
}

# choose_transport SCHEME: sets `transport`, how RTSP comes: that of --protocols, or of the scheme.
choose_transport () {
  case $1 in
    rtspt | rtspst | rtsph | rtspsh) transport=tcp ;;
    rtspu | rtspsu) transport=udp ;;
    *) transport=${protocols:-tcp} ;;
  esac
  [ "${protocols:-$transport}" = "$transport" ] ||
    refuse "$1:// is $transport, and --protocols says $protocols"
}

# http_source URL NUMBER: sets `source` and `kind`: recording, hls, or http for what is live. The
# name tells how fast it comes, which `recordings` overrules; what it is, its content tells.
http_source () {
  local path=${1%%[?#]*} live=(is-live=true do-timestamp=true)
  [ -z "$protocols" ] || refuse "--protocols is for rtsp:// and rtsps://"
  case ${path,,} in
    *.m3u8 | *.m3u) kind=hls ;;
    *.mp4 | *.m4v | *.mov | *.mkv | *.webm | *.avi | *.ts | *.mpg | *.mpeg | *.flv)
      kind=recording ;;
    *) kind=${recordings:+recording} ;;
  esac
  [ -z "$kind" ] || live=()
  : "${kind:=http}"
  source=(souphttpsrc "location=$(quote "$1")" "${live[@]}" "name=source$2")
}

# camera_source URL NUMBER: sets `source`, the element, and `kind`, rtp or one of http_source ().
# The login goes into the environment as typed, and late, so that no other process gets it:
# cow-launch and cow-reconnect set it on the element of that number, so that it is in no line that
# anything prints.
camera_source () {
  local scheme=${1%%://*} rest=${1#*://} authority host transport=''
  scheme=${scheme,,} authority=${rest%%[/?]*} host=${authority##*@}
  [[ ${rest#"$authority"} != *@* ]] ||
    refuse "an address has an @ behind its first / or ?. If the password has a / or ?, write %2F,\
 %3F; an @ of the path is %40"
  [ -n "${host%%:*}" ] || refuse 'an address has no host'
  if [ "$host" != "$authority" ]; then
    secrets+=("COWBEHAVIOR_LOGIN_source$2=${authority%@*}")
  fi
  # shellcheck disable=SC2034
  case $scheme in
    http | https) http_source "$scheme://$host${rest#"$authority"}" "$2" ;;
    rtsp | rtspt | rtspu | rtsph | rtsps | rtspst | rtspsu | rtspsh)
      kind=rtp
      choose_transport "$scheme"
      # rtspsrc tunnels TCP through HTTP where the scheme says so, and only there.
      case $scheme in
        rtsph | rtspsh) ;;
        rtsps*) scheme=rtsps ;;
        *) scheme=rtsp ;;
      esac
      source=(rtspsrc "location=$(quote "$scheme://$host${rest#"$authority"}")"
        "protocols=$transport" latency=200 "name=source$2") ;;
    *) refuse "$scheme:// is not the address of a camera: rtsp://, rtsps:// or http:// is" ;;
  esac
}

# Frames wait here, still compressed, when the pipeline is slower than the camera. They must not
# wait in rtspsrc, which may then miss the end of the stream (pipelines/README.md says why). 64 MiB
# hold two minutes of 4 Mbit/s.
backlog=(queue max-size-buffers=0 max-size-time=0 max-size-bytes=67108864)

choose_decoding () {
  case $1 in
    auto | nvdec | vaapi | software) decoding=$1 ;;
    *) die "--decoder is auto, nvdec, vaapi or software, not \"$1\"" ;;
  esac
}

# The GPU that decodes: the one that computes, or the first.
gpu_of_device () {
  if [[ $device =~ ^cuda.*:([0-9]+)$ ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

# What stands before cowbehavior where frames are in the host's memory: one whole picture in place
# of two fields, and upright, as the orientation tag of a phone's recording says. Where there is
# nothing to do, both pass frames on as they are.
upright=(videoconvert ! deinterlace fields=top ! videoflip video-direction=auto)

# choose_decoder CODEC: sets `element`, and `handover`, what stands between it and cowbehavior.
# Frames stay on the GPU where it decodes and computes, and nobody else wants to see them.
choose_decoder () {
  choose_element "$1" "$(gpu_of_device)" || fail_decoding "$1"
  handover=("${upright[@]}")
  if [ "$way" = nvdec ] && [[ $device == cuda* ]] && [ -z "${detector[*]}$shown" ] &&
    gst-inspect-1.0 cowbehavior 2>/dev/null | grep -q memory:CUDAMemory; then
    handover=(capsfilter "caps=$(quote 'video/x-raw(memory:CUDAMemory)')")
    because+='; frames stay in its memory'
  fi
  say_decoder "$1"
}

# stay_on_gpu: whether frames of H.264 would stay on the GPU that decodes them, for which decodebin
# is of no use.
stay_on_gpu () {
  local element way because handover=('')
  choose_decoder h264 2>/dev/null
  [ "${handover[0]}" = capsfilter ]
}

# choose_for_camera KIND [CODEC]: sets `decoder`, from what a source of that kind gives to pictures,
# and `handover`, and lets cow-launch and cow-reconnect expect that codec.
choose_for_camera () {
  local codec=${2:-auto}
  [ "$1:$codec" != "${chosen_camera:-}" ] || return 0
  chosen_camera=$1:$codec
  if [ "$1:${2:-}" = rtp: ] && [[ $device == cuda* ]] && (stay_on_gpu); then codec=h264; fi
  # shellcheck disable=SC2034
  case $1:$codec in
    rtp:h264 | rtp:h265)
      choose_decoder "$codec"
      access+=(--codec "$codec")
      decoder=("rtp${codec}depay" ! "${backlog[@]}" ! "${codec}parse" ! "$element") ;;
    rtp:mjpeg)
      choose_decoder mjpeg
      access+=(--codec mjpeg)
      decoder=(rtpjpegdepay ! "${backlog[@]}" ! "$element") ;;
    rtp:auto) choose_any 'application/x-rtp,media=video' ! "${backlog[@]}" ! ;;
    http:mjpeg)
      choose_decoder mjpeg
      decoder=(multipartdemux ! "${backlog[@]}" ! "$element") ;;
    http:auto) choose_any "${backlog[@]}" ! ;;
    hls:auto | recording:auto) choose_any ;;
    *) refuse "http:// and https:// are read as MJPEG, HLS or a recording, not as $codec" ;;
  esac
}

# choose_any [ELEMENT ! ...]: sets `decoder` to these elements and one that finds the codec out, and
# `handover`.
choose_any () {
  rank_decoders "$(gpu_of_device)"
  # shellcheck disable=SC2034
  decoder=("$@" decodebin) handover=("${upright[@]}")
}

# choose_for_file FILE: sets `decoder`, from the file's bytes to pictures, and `handover`. decodebin
# takes what was chosen, but cannot be told to leave frames on a GPU.
choose_for_file () {
  local codec
  codec=$(codec_of "$1")
  # shellcheck disable=SC2034
  decoder=(decodebin) handover=("${upright[@]}")
  if [ -z "$codec" ]; then
    choose_any
    return
  fi
  choose_decoder "$codec"
  if [ "${handover[0]}" = videoconvert ]; then
    prefer_element
    # It reads EXIF, which says how a photograph is turned; decodebin does without it.
    [ "$codec" != mjpeg ] || element=jpegparse prefer_element
  else
    # shellcheck disable=SC2034
    decoder=(parsebin ! "${codec}parse" ! "$element")
  fi
}

# Uses the plugins and cow-trainer built or installed with this file, if there are any, with their
# kernels for GPUs, and finds the demonstration's model. `plugins` names another folder of plugins.
use_build () {
  local here build
  here=$(dirname "${BASH_SOURCE[0]}")/..
  build=$here/../build
  if [ -z "${GST_PLUGIN_PATH:-}" ] && [ -d "${plugins:=$build/gst-plugin}" ]; then
    export GST_PLUGIN_PATH=$plugins
    [ ! -e "$build/kernels/cuda/libcowbehavior-cuda.so" ] ||
      export COWBEHAVIOR_CUDA_KERNELS=$build/kernels/cuda/libcowbehavior-cuda.so
  fi
  PATH=$PATH:$build/trainer:$build/pipelines
  [ ! -d "$here/demo/model" ] ||
    export COWBEHAVIOR_PATH=${COWBEHAVIOR_PATH:+$COWBEHAVIOR_PATH:}$here/demo/model
}
