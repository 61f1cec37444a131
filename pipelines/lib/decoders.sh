# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Which element decodes a video: on an NVIDIA GPU (NVDEC) where `cow-trainer info` says that it can,
# else by VA-API, else on the processor, as far as GStreamer has elements for it. launch.sh sources
# this file; it is never run.

# What --decoder says: auto, nvdec, vaapi or software.
decoding=auto

# elements_of WAY CODEC GPU: prints the names under which GStreamer may have such a decoder, the
# best first. Each GPU but the first has elements of its own.
elements_of () {
  local gpu=''
  [ "$3" = 0 ] || gpu=device$3
  case $1:$2 in
    nvdec:h264 | nvdec:h265 | nvdec:vp9) echo "nv$2${gpu}dec nv$2sl${gpu}dec" ;;
    nvdec:av1) echo "nvav1${gpu}dec" ;;
    vaapi:mjpeg) echo vajpegdec vaapijpegdec ;;
    vaapi:*) echo "va$2dec vaapi$2dec" ;;
    software:h264) echo avdec_h264 openh264dec ;;
    software:h265) echo avdec_h265 libde265dec ;;
    software:av1) echo dav1ddec av1dec avdec_av1 ;;
    software:vp9) echo vp9dec avdec_vp9 ;;
    software:mjpeg) echo jpegdec avdec_mjpeg ;;
  esac
}

# find_element NAME...: sets `element` to the first that GStreamer has, or `why` to what it lacks.
find_element () {
  for element; do
    ! gst-inspect-1.0 --exists "$element" 2>/dev/null || return 0
  done
  why="GStreamer has no ${1:-element for it}" element=''
  return 1
}

# ask_gpu GPU: sets `kinds` to lines CODEC CHROMA BITS WIDTH HEIGHT of what it decodes. Where that
# is not known, sets `why`. It is asked once, for all codecs.
ask_gpu () {
  [ "$1" = "${asked_gpu:-}" ] || learn_gpu "$1"
  why=$unknown
  [ -z "$unknown" ]
}

# learn_gpu GPU: sets `asked_gpu`, `kinds`, and `unknown`, why there are none.
learn_gpu () {
  local answer status=0
  asked_gpu=$1 unknown=''
  answer=$(cow-trainer info --json --device "cuda:$1" 2>&1) || status=$?
  kinds=$(awk -F'"' '/"codec" :/ { codec = $4 } /"chroma" :/ { chroma = $4 }
    /"(bits|max_width|max_height)" :/ { number = $3; gsub (/[^0-9]/, "", number) }
    /"bits" :/ { bits = number } /"max_width" :/ { width = number }
    /"max_height" :/ { print codec, chroma, bits, width, number }' <<<"$answer")
  [ -z "$kinds" ] || return 0
  unknown=$(sed -n 's/^ *"decoders_unknown" : "\(.*\)".*/\1/p' <<<"$answer")
  if [ "$status" = 127 ]; then
    unknown='cow-trainer is not installed, which knows what the GPU decodes'
  elif [ "$status" != 0 ]; then
    unknown=${answer##*cow-trainer: }
  fi
  : "${unknown:=GPU $1 decodes nothing}"
}

# gpu_decodes CODEC GPU: whether it does, in the usual 8 bits and 4:2:0. Sets `why` in both cases.
gpu_decodes () {
  local size
  ask_gpu "$2" || return 1
  size=$(awk -v codec="$1" '$1 == codec && $2 == "4:2:0" && $3 == 8 { print $4 " x " $5; exit }' \
    <<<"$kinds")
  why="GPU $2 decodes it up to $size"
  [ -n "$size" ] || why="GPU $2 does not decode it"
  [ -n "$size" ]
}

# choose_element CODEC GPU: sets `element`, `way` (nvdec, vaapi, software) and `because`. Fails
# where there is none, and `because` says why. What --decoder names is taken unasked.
choose_element () {
  local candidate refusals='' why='' names
  for candidate in nvdec vaapi software; do
    case $decoding in auto | "$candidate") ;; *) continue ;; esac
    way=$candidate why="--decoder $decoding"
    read -ra names <<<"$(elements_of "$way" "$1" "$2")"
    if find_element "${names[@]}"; then
      [ "$decoding:$way" = auto:software ] && why='by the processor'
      [ "$decoding:$way" = auto:vaapi ] && why='by VA-API'
      if [ "$decoding:$way" != auto:nvdec ] || gpu_decodes "$1" "$2"; then
        because="$why$refusals"
        return 0
      fi
    fi
    refusals+="; not by $way: $why"
  done
  element='' because=${refusals#; }
  return 1
}

# say_decoder CODEC: prints on the standard error what choose_element () chose, with its reason.
say_decoder () {
  say 6 "$1 is decoded by $element ($because)"
}

# rank_decoders GPU: makes decodebin take what choose_element () chooses for each codec, and prints
# it on the standard error. It has elements for others, too, and chooses these itself.
rank_decoders () {
  local codec any=''
  for codec in h264 h265 av1 vp9 mjpeg; do
    choose_element "$codec" "$1" || continue
    any+="${any:+, }$codec by $element ($way)"
    prefer_element
  done
  [ -n "$any" ] || fail_decoding 'any video'
  say 6 "the codec is found out; decoded is $any"
}

# Makes decodebin prefer `element`.
prefer_element () {
  export GST_PLUGIN_FEATURE_RANK=${GST_PLUGIN_FEATURE_RANK:+$GST_PLUGIN_FEATURE_RANK,}$element:MAX
}

# fail_decoding CODEC: ends the script where choose_element () failed.
fail_decoding () {
  say 3 "no decoder for $1: $because"
  exit 1
}

# codec_of FILE: prints the codec of a file's video, or nothing where it is none of ours.
codec_of () {
  timeout 20 gst-launch-1.0 -v filesrc "location=$(quote "$1")" ! parsebin ! \
    fakesink num-buffers=1 2>/dev/null |
    sed -nE 's/.*caps = video\/x-(h264|h265|av1|vp9),.*/\1/p; s/.*caps = image\/jpeg,.*/mjpeg/p' |
    head -n 1
}
