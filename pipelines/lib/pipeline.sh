# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The way from words to a running pipeline, of cow-pipeline and of the scripts, whose names promise
# a part of it. They source this file and call pipeline (); it is never run.
# shellcheck source=pipelines/lib/launch.sh
. "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

OTHER_OPTIONS='The program.
  --once               end when the camera fails, or ends its stream
  --tile WIDTHxHEIGHT  size of each camera'"'"'s picture on the wall that shows many, 640x360 unless
                       this says otherwise
  --config FILE        read words from FILE, too: an input, an option with its value, or
                       PROPERTY=VALUE a line, as they are or in quotes, and COWBEHAVIOR_...=VALUE
                       for passwords; lines that begin with # are remarks. No line is visible
                       through ps: this is the place for logins
  -h, --help; --version

It ends with 0 when a recording has ended, or at Ctrl+C, TERM or HUP where a camera gave a picture;
with 1 when something failed; and with 2 when the words cannot be right.'

# What the words say; `names` has as many elements as `inputs`. A camera is found anew when it goes
# away, unless `once` says otherwise.
posted=(post-events=classified)
inputs=() names=() next_name='' codec='' tile='' once='' home_assistant='' recordings=''

# ---- words ---------------------------------------------------------------------------------------

print_help () {
  printf 'usage: %s %s [OPTION ...] [PROPERTY=VALUE ...]\n\n%s\n' "${0##*/}" "$synopsis" "$about"
  printf '\n%s\n' "$COMMON_OPTIONS" "$CAMERA_OPTIONS" "$OTHER_OPTIONS"
  exit 0
}

# is_input WORD: whether it is one, before it is taken for an option, because a file's name may look
# like PROPERTY=VALUE.
is_input () {
  is_address "$1" || { [[ $takes != camera* ]] && [ -e "$1" ] && [ ! -d "$1" ]; }
}

# name_input NAME: of the input before it, or else of the next.
name_input () {
  local last=$((${#inputs[@]} - 1))
  if [ "$last" -ge 0 ] && [ -z "${names[last]}" ]; then names[last]=$1; else next_name=$1; fi
}

# own_option OPTION [VALUE]: handles one of OTHER_OPTIONS, --name
# or --home-assistant; sets `taken` as common_option ().
own_option () {
  taken=2
  case $1 in
    --name | --tile | --config) [ -n "${2:-}" ] || die "$1 needs a value" ;;
  esac
  case $1 in
    --name) name_input "$2" ;;
    --tile) tile=$2 ;;
    --config) read_config "$2"; taken=2 ;;
    --home-assistant) publisher+=(mqtt-discovery=true) home_assistant=yes taken=1 ;;
    --once) once=yes taken=1 ;;
    -h | --help) print_help ;;
    --version) echo "${0##*/} ${version:-}"; exit 0 ;;
    *) taken=0 ;;
  esac
}

# take_words WORD...: sets everything above and in launch.sh.
take_words () {
  while [ $# -gt 0 ]; do
    if is_input "$1"; then
      inputs+=("$1") names+=("$next_name") next_name='' taken=1
    else
      own_option "$@"
      [ "$taken" != 0 ] || camera_option "$@"
      [ "$taken" != 0 ] || common_option "$@"
    fi
    if [ "$taken" = 0 ]; then
      case $takes in camera*) refuse_word "$1" ;; *) refuse_file "$1" ;; esac
    fi
    shift "$taken"
  done
}

# read_config FILE: takes the words of a file, a line at a time.
read_config () {
  local line number=0 head option value secret=''
  [ -z "$at" ] || refuse '--config has no place in a file that it names'
  { [ -r "$1" ] && [ ! -d "$1" ]; } || refuse "--config $1: no such file, or not to be read"
  while IFS= read -r line || [ -n "$line" ]; do
    at="$1, line $((number += 1))"
    [[ $line =~ ^[[:space:]]*([^#[:space:]].*[^[:space:]]|[^#[:space:]])[[:space:]]*$ ]] || continue
    line=${BASH_REMATCH[1]}
    [[ $line =~ ^((--[a-z0-9-]+)[[:space:]]+|[A-Za-z][A-Za-z0-9_-]*=)?(.*)$ ]]
    head=${BASH_REMATCH[1]} option=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    [[ ! $value =~ ^\"(.*)\"$ && ! $value =~ ^\'(.*)\'$ ]] || value=${BASH_REMATCH[1]}
    [[ ! $line =~ ://[^/]*:[^/]*@ && $head != COWBEHAVIOR_* ]] || secret=yes
    case $head in
      COWBEHAVIOR_*PASSWORD= | COWBEHAVIOR_*TOKEN=) secrets+=("$head$value") ;;
      COWBEHAVIOR_*) export "$head$value" ;;
      --*) take_words "$option" "$value" ;;
      *) take_words "$head$value" ;;
    esac
  done <"$1"
  at=''
  [ -z "$secret" ] || [[ $(stat -L -c %a "$1") != *[4567] ]] ||
    say 4 "$1 may hold a password, and everybody can read it; chmod 600"
}

# ---- the pipeline --------------------------------------------------------------------------------

# source_of WORD NUMBER: sets `source`, `decoder` and `handover`, from an input to pictures.
source_of () {
  if is_address "$1"; then
    camera_source "$1" "$2"
    [ "$kind$recordings" != rtpyes ] || refuse "a camera is for rtsp-camera.sh"
    choose_for_camera "$kind" "$codec"
    # Events have the camera's time, where it says it.
    [[ $kind != rtp || $takes != @(any|events) ]] || source+=(add-reference-timestamp-meta=true)
  else
    kind=file
    refuse_camera_options
    choose_for_file "$1"
    source=(filesrc "location=$(quote "$1")")
  fi
}

# play PROGRAM WORD...: becomes the program.
play () {
  [ "${#secrets[@]}" = 0 ] || export "${secrets[@]}"
  exec "$@"
}

# classify PROPERTY...: sets `classifier`, what stands behind the detector: nothing where that tells
# what the cows do.
classify () {
  classifier=(cowbehavior "$@" "${properties[@]}" !)
  [ "$classifies" = yes ] || classifier=()
}

# The events of a source that is replaced; the rest plays on.
run_reconnect () {
  [ -z "$shown" ] || refuse "events are all that it gives; cow-pipeline has outputs for frames"
  source_of "${inputs[0]}" 1
  case $kind in file | recording) access+=(--once) ;; esac
  publish_events "${names[0]:-$(name_of "${inputs[0]}")}" file=-
  classify
  local rest=("${detector[@]}" "${classifier[@]}" "${events[@]}" "${sink[@]}")
  play cow-reconnect "${access[@]}" "${source[*]} ! ${decoder[*]} ! ${handover[*]}" "${rest[*]}"
}

# What --hls keeps of a stream: the last minute.
minute=(playlist-length=10 max-files=15)

# One input that ends, or fails.
run_once () {
  publish_events "${names[0]:-$(name_of "${inputs[0]}")}" file=- file-format=csv
  case $kind:$takes in
    file:* | recording:* | *:recording) choose_sink playlist-length=0 max-files=0 ;;
    *) choose_sink "${minute[@]}" ;;
  esac
  classify
  # With -e, Ctrl-C finishes a recording properly, so that it can be played.
  play cow-launch -q ${shown:+-e} "${access[@]}" \
    "${source[@]}" ! "${decoder[@]}" ! "${handover[@]}" ! "${detector[@]}" \
    "${classifier[@]}" "${events[@]}" ${shown:+cowoverlay !} "${sink[@]}"
}

# name_camera NUMBER: sets `name`, which no other camera has, and says it.
name_camera () {
  local input=${inputs[$1 - 1]}
  name=${names[$1 - 1]:-$(name_of "$input")}
  if [ "$name" = camera ] || [ -n "${named[$name]:-}" ]; then name+=-$1; fi
  named[$name]=yes
  say 6 "camera $1 is \"$name\""
}

# place_tile I: adds to `branches` and `places` what shows camera I, from 0, on the wall. Each
# picture is scaled to its width before cowoverlay draws on it, so that letters have the same size
# in all. Its height follows from its shape, which the wall keeps. The wall does not wait for a late
# picture but leaves it out. cow-launch shows none of a camera that has given nothing for 3 s.
place_tile () {
  branches+=(videoscale ! "video/x-raw,width=$width,pixel-aspect-ratio=1/1" ! cowoverlay !
    queue leaky=downstream ! "wall.sink_$1")
  places+=("sink_$1::xpos=$(($1 % columns * width))" "sink_$1::ypos=$(($1 / columns * height))"
    "sink_$1::width=$width" "sink_$1::height=$height" "sink_$1::zorder=$(($1 + 1))"
    "sink_$1::sizing-policy=keep-aspect-ratio")
}

# build_wall: puts the wall around `places`. It has its size and pace, which a recording cannot
# change, before there is a camera. A black spot below the first tile drives it. Half a second is
# for cameras that come later. The wall starts with the first picture of any, because it ends itself
# where it starts and none has come.
build_wall () {
  local n=${#inputs[@]} size
  size="width=$((columns * width)),height=$(((n + columns - 1) / columns * height))"
  places=(compositor name=wall background=black ignore-inactive-pads=true
    start-time-selection=first min-upstream-latency=500000000 "sink_$n::zorder=0" "${places[@]}" !
    "video/x-raw,$size,framerate=25/1" ! "${sink[@]}" videotestsrc is-live=true pattern=black !
    'video/x-raw,width=16,height=16,framerate=25/1' ! "wall.sink_$n")
}

# Cameras, of which each is replaced when it fails. Outputs show many on a wall, and one as it is.
run_cameras () {
  local i width height columns=1 wall='' sources=() branches=() places=()
  local -A named=()
  [ -z "$shown" ] || [ "${#inputs[@]}$tile$takes" = 1any ] || wall=yes
  [[ ${tile:=640x360} =~ ^([1-9][0-9]{1,3})x([1-9][0-9]{1,3})$ ]] ||
    die "--tile is WIDTHxHEIGHT in pixels, as 640x360, not \"$tile\""
  width=${BASH_REMATCH[1]} height=${BASH_REMATCH[2]}
  # The wall has as many columns as rows, or one more.
  while [ $((columns * columns)) -lt "${#inputs[@]}" ]; do columns=$((columns + 1)); done
  choose_sink "${minute[@]}"
  for i in "${!inputs[@]}"; do
    name_camera "$((i + 1))"
    source_of "${inputs[i]}" "$((i + 1))"
    publish_events "$name" file=- file-format=csv
    sources+=("${source[*]} ! ${decoder[*]} ! ${handover[*]}")
    classify "name=camera$((i + 1))"
    branches+=(identity "name=from$((i + 1))" silent=true ! "${detector[@]}" "${classifier[@]}"
      "${events[@]}")
    if [ -n "$wall" ]; then
      place_tile "$i"
    else
      branches+=(${shown:+cowoverlay !} "${sink[@]}")
    fi
  done
  [ -z "$wall" ] || build_wall
  play cow-launch -q ${shown:+-e} "${access[@]}" --again "${#inputs[@]}" "${sources[@]}" \
    "${places[@]}" "${branches[@]}"
}

# ---- the whole -----------------------------------------------------------------------------------

# Ends the script where the words do not go together.
check_words () {
  local input
  case ${#inputs[@]}:$takes in
    0:recording) die 'a video file is needed' ;;
    0:camera) die 'an address rtsp://... is needed' ;;
    0:cameras) die 'addresses rtsp://... are needed' ;;
    0:*) die 'an address rtsp://... or a recording is needed' ;;
    1:any | *:cameras) ;;
    *:any)
      for input in "${inputs[@]}"; do
        is_address "$input" || refuse "$input is a recording, which is labelled alone"
      done ;;
    1:*) ;;
    *) refuse 'one input is enough; cow-pipeline takes many cameras' ;;
  esac
  if [ "$classifies" = no ]; then
    [ -n "${detector[*]}" ] || die '--no-classifier needs --detector, which tells what the cows do'
    for input in "${properties[@]}"; do
      case ${input%%=*} in
        post-messages | inference-region) ;;
        *) refuse "${input%%=*} is of cowbehavior, which --no-classifier leaves out" ;;
      esac
    done
  fi
  [ -z "$next_name" ] || refuse "--name $next_name has no input: it stands behind its camera"
  [ -z "$home_assistant" ] || publishes mqtt-url || die '--home-assistant needs --mqtt'
  [ "${#inputs[@]}$takes" != 1any ] || return 0
  [[ $takes != @(any|cameras) ]] || ! publishes source ||
    refuse "source=NAME would be that of all cameras, whose events nobody could tell apart"
  [ -z "$once" ] || refuse '--once is for one input'
}

# pipeline TAKES SYNOPSIS ABOUT WORD...: runs what the words say. TAKES is what the script's name
# promises: any, recording, camera, cameras or events.
pipeline () {
  takes=$1 synopsis=$2 about=$3
  shift 3
  [ "$takes" != recording ] || recordings=yes # whatever comes by HTTP is one
  take_words "$@"
  check_words
  use_build
  case $takes:${#inputs[@]} in
    events:*) run_reconnect ;;
    cameras:* | any:[!1]*) run_cameras ;;
  esac
  source_of "${inputs[0]}" 1
  case $takes:$kind:$once in
    any:rtp: | any:http: | any:hls:) run_cameras ;;
  esac
  [ -z "$tile" ] || refuse '--tile is for cameras on a wall'
  run_once
}
