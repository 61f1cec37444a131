#!/bin/bash
# SPDX-License-Identifier: MIT
# Which decoder the sample pipelines choose, and why (pipelines/lib): for every answer of
# `cow-trainer info` and of GStreamer, which are programs made here. TAP.
set -eu
pipelines=$COW_TEST_PIPELINES
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
n=0 failed=0

# GStreamer has the elements of $ELEMENTS; the plugin's description is $PLUGIN, a file's $CAPS.
cat >"$folder/bin/gst-inspect-1.0" <<'FAKE'
#!/bin/bash
if [ "$1" = --exists ]; then [[ " $ELEMENTS " == *" $2 "* ]]; else echo "$PLUGIN"; fi
FAKE
cat >"$folder/bin/gst-launch-1.0" <<'FAKE'
#!/bin/bash
echo "/GstPipeline:pipeline0/GstParseBin:parsebin0: caps = $CAPS"
FAKE
cat >"$folder/bin/cow-reconnect" <<'FAKE'
#!/bin/bash
echo "${*: -2:1} | ${*: -1}"
FAKE
# The GPUs that were asked for are kept.
cat >"$folder/bin/cow-trainer" <<'FAKE'
#!/bin/bash
echo "$*" >>"$ASKED"
printf '%s\n' "$ANSWER"
exit "$STATUS"
FAKE
chmod +x "$folder"/bin/*

# The kinds of video of tests/cuda-on-cpu/nvcuvid.c as `info --json` prints them; H.265 with 10 bits
# alone.
kind () {
  printf '      {\n        "codec" : "%s",\n        "chroma" : "4:2:0",\n' "$1"
  printf '        "bits" : %s,\n        "max_width" : %s,\n' "$2" "$3"
  printf '        "max_height" : %s,\n        "engines" : 2\n      }' "$4"
}
# shellcheck disable=SC2089  # quotes are meant literally
decodes="[
  {
    \"path\" : \"cuda:0\",
    \"free_bytes\" : 4294967296,
    \"decoders\" : [
$(kind h264 8 4096 2048),
$(kind h265 10 8192 8192)
    ]
  }
]"
unknown='[
  {
    "path" : "cuda:0",
    "decoders_unknown" : "libnvcuvid.so.1: cannot open"
  }
]'

# choose COMMANDS: runs them after pipelines/lib, with the settings below, and prints what a script
# gets from it.
ELEMENTS='' PLUGIN='' CAPS='' ANSWER=$decodes STATUS=0 ASKED=$folder/asked
# shellcheck disable=SC2090
export ELEMENTS PLUGIN CAPS ANSWER STATUS ASKED
choose () {
  rm -f "$ASKED"
  PATH=$folder/bin:$PATH bash -c "usage () { :; }
    . '$pipelines/lib/launch.sh'
    $1
    echo \"\${decoder[*]} | \${handover[*]} | \${GST_PLUGIN_FEATURE_RANK:-}\"" script 2>&1 ||
    echo "status $?"
}

upright='videoconvert ! deinterlace fields=top ! videoflip video-direction=auto'

# check NAME TEXT WORDS...: whether the text has all these words.
check () {
  local name=$1 text=$2 words ok=ok
  shift 2
  for words; do
    if [[ $text != *"$words"* ]]; then
      ok='not ok' failed=1
      printf '# "%s" is not in:\n' "$words"
      printf '%s\n' "$text" | sed 's/^/#   /'
    fi
  done
  n=$((n + 1))
  echo "$ok $n $name"
}

all='nvh264dec nvh264device1dec nvh265sldec vah264dec vaapih265dec avdec_h264 avdec_h265 jpegdec'
h264='choose_for_camera rtp h264' cuda='device=cuda' file='choose_for_file f'

ELEMENTS='avdec_h264'
check software "$(choose "$h264")" "! avdec_h264 | $upright |" \
  'script: h264 is decoded by avdec_h264 (by the processor; not by nvdec: GStreamer has no ' \
  'nvh264dec; not by vaapi: GStreamer has no vah264dec)'
ELEMENTS='openh264dec'
check 'another name' "$(choose "$h264")" "! openh264dec | $upright |"
ELEMENTS=''
check none "$(choose "$h264")" 'no decoder for h264: not by nvdec' \
  'not by software: GStreamer has no avdec_h264' 'status 1'

ELEMENTS=$all
check nvdec "$(choose "$h264")" 'rtph264depay !' "! h264parse ! nvh264dec | $upright |" \
  'h264 is decoded by nvh264dec (GPU 0 decodes it up to 4096 x 2048)'
check 'asks the first GPU' "$(cat "$folder/asked")" 'info --json --device cuda:0'
check 'not in 8 bits' "$(choose 'choose_for_camera rtp h265')" "! vaapih265dec | $upright |" \
  'by vaapih265dec (by VA-API; not by nvdec: GPU 0 does not decode it)'
check mjpeg "$(choose 'choose_for_camera rtp mjpeg')" 'rtpjpegdepay !' '! jpegdec |'

ANSWER=$unknown
check 'what it decodes is unknown' "$(choose "$h264")" '! vah264dec |' \
  'not by nvdec: libnvcuvid.so.1: cannot open)'
ANSWER='cow-trainer: device "cuda:0": no driver' STATUS=1
check 'no GPU' "$(choose "$h264")" '! vah264dec |' 'not by nvdec: device "cuda:0": no driver)'
ANSWER='[ { "decoders" : [ ] } ]' STATUS=0
check 'nothing' "$(choose "$h264")" '! vah264dec |' 'not by nvdec: GPU 0 decodes nothing)'
STATUS=127
check 'nobody knows' "$(choose "$h264")" '! vah264dec |' \
  'not by nvdec: cow-trainer is not installed'
check forced "$(choose "choose_decoding nvdec; $h264")" "! nvh264dec | $upright |" \
  'by nvh264dec (--decoder nvdec)'
check 'forced software' "$(choose "choose_decoding software; $h264")" '! avdec_h264 |' \
  '(--decoder software)'
check 'forced in vain' "$(choose 'choose_decoding vaapi; choose_for_camera rtp mjpeg')" \
  'no decoder for mjpeg: not by vaapi: GStreamer has no vajpegdec' 'status 1'
check 'no such way' "$(choose 'choose_decoding magic')" \
  '--decoder is auto, nvdec, vaapi or software, not "magic"' 'status 2'

ANSWER=$decodes STATUS=0 PLUGIN='video/x-raw(memory:CUDAMemory)'
check 'stays on the GPU' "$(choose "$cuda; $h264")" \
  '! nvh264dec | capsfilter caps="video/x-raw(memory:CUDAMemory)" |' 'frames stay in its memory'
check 'another GPU' "$(choose "device=cuda:1; $h264")" '! nvh264device1dec | capsfilter '
check 'asks that GPU' "$(cat "$folder/asked")" '--device cuda:1'
check 'a CPU computes' "$(choose "device=cpu; $h264")" "! nvh264dec | $upright |"
check 'a detector looks' "$(choose "detector=(x !); $cuda; $h264")" "! nvh264dec | $upright |"
check 'people look' "$(choose "shown=yes; $cuda; $h264")" "! nvh264dec | $upright |"
check 'by options' "$(choose "common_option device=cuda; common_option --decoder nvdec; $h264")" \
  '! nvh264dec | capsfilter caps="video/x-raw(memory:CUDAMemory)" |'
check 'a file on the GPU' "$(CAPS='video/x-h264, width=(int)96' choose "$cuda; $file")" \
  'parsebin ! h264parse ! nvh264dec | capsfilter caps="video/x-raw(memory:CUDAMemory)" |'
publish () { PATH=$folder/bin:$PATH "$pipelines/publish.sh" rtsp://127.0.0.1:9/ "$@" 2>&1; }
check 'publish.sh' "$(publish device=cuda:0)" 'rtph264depay ! queue ' '! h264parse ! nvh264dec ! ' \
  'nvh264dec ! capsfilter caps="video/x-raw(memory:CUDAMemory)" | cowbehavior ' \
  ' device="cuda:0"'
check 'publish.sh with a detector' \
  "$(publish --codec h264 device=cuda --detector 'gvadetect model=x')" \
  "h264parse ! nvh264dec ! $upright | gvadetect model=x ! cowbehavior"
check 'publish.sh by the processor' "$(publish --codec h264 --decoder software)" \
  "h264parse ! avdec_h264 ! $upright | cowbehavior"
check 'found out' "$(publish --decoder software)" \
  'application/x-rtp,media=video ! queue ' "! decodebin ! $upright | cowbehavior" \
  'publish.sh: the codec is found out; decoded is h264 by avdec_h264 (software), h265 by '
check 'found out on a GPU with a detector' "$(publish device=cuda --detector x)" '! decodebin ! '
PLUGIN='video/x-raw'
check 'no such memory in this build' "$(choose "$cuda; $h264")" "! nvh264dec | $upright |"
check 'a file' "$(CAPS='video/x-h264, width=(int)96' choose "$file")" \
  "decodebin | $upright | nvh264dec:MAX"
check 'a photograph' "$(CAPS='image/jpeg, width=(int)96' choose "$file")" \
  "decodebin | $upright | jpegdec:MAX,jpegparse:MAX"
check 'a file of another kind' "$(CAPS='video/x-theora, width=(int)96' choose "$file")" \
  "decodebin | $upright | nvh264dec:MAX,vaapih265dec:MAX,jpegdec:MAX"
check 'asks once for all codecs' "$(wc -l <"$folder/asked")" 1
check 'ranks of the user' "$(GST_PLUGIN_FEATURE_RANK=a:NONE choose 'choose_for_camera rtp auto')" \
  "! decodebin | $upright | a:NONE,nvh"
ELEMENTS=''
check 'any codec in vain' "$(choose 'choose_for_camera rtp auto')" 'no decoder for any video: '

# What is parsed here is what the program prints, where there is a GPU that it can ask.
if [ -n "${COW_TEST_GPU_LIBRARIES:-}" ]; then
  rm "$folder/bin/cow-trainer"
  export LD_LIBRARY_PATH=$COW_TEST_GPU_LIBRARIES
  PATH=$(dirname "$COW_TRAINER"):$PATH
  check 'as cow-trainer says it' "$(choose "ask_gpu 0; echo \"\$kinds\"")" \
    'h264 4:2:0 8 4096 4096' 'h265 4:2:0 8 8192 8192' 'h265 4:2:0 10 8192 8192'
  check 'as it says what it does not know' \
    "$(COW_NVCUVID_RESULT=999 choose "ask_gpu 0 || echo \"\$why\"")" \
    'cuvidGetDecoderCaps: CUDA_ERROR_UNKNOWN'
  check 'as it fails' "$(choose "ask_gpu 7 || echo \"\$why\"")" 'device "cuda:7"'
fi
echo "1..$n"
exit "$failed"
