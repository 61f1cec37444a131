#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs programs and elements where numbers have a comma, where the time is hours and quarters away
# from UTC, and where the locale knows no letter but ASCII's: what they write and read is the same
# everywhere. Speaks TAP.
# shellcheck disable=SC2317  # point runs the functions by name
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
# shellcheck source=tests/places/german.sh
. tests/places/german.sh
# shellcheck source=tests/report/points.sh
. tests/report/points.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COWBEHAVIOR_PATH=$PWD/pipelines/demo/model GST_PLUGIN_PATH=$build/gst-plugin
export GST_REGISTRY=$work/registry OMP_NUM_THREADS=1 XDG_DATA_HOME=$work/data
export XDG_CACHE_HOME=$work/cache
PATH=$build/trainer:$build/pipelines/demo:$PATH

# germany COMMAND...: in a locale whose numbers have a comma. LANGUAGE is for translations.
germany () { LOCPATH=$work/locale LC_ALL=de_DE.UTF-8 LANGUAGE=de "$@"; }
# ascii COMMAND...: in that of cron jobs and services.
ascii () { LC_ALL=C LANGUAGE='' "$@"; }
# nepal COMMAND...: a quarter of an hour away from full hours.
nepal () { TZ=XXX-05:45 "$@"; }

has_commas () {
  make_german "$work/locale" && [ "$(germany bash -c 'printf %.1f 0,5')" = 0,5 ]
}

# ---- the elements ------------------------------------------------------------------------------

# play NAME: labels and events of two zones to NAME.messages, NAME.jsonl and NAME.csv.
# gst-launch-1.0 sets the locale as the user has it, as programs with windows do.
play () {
  gst-launch-1.0 -m videotestsrc num-buffers=3 ! video/x-raw,width=96,height=64,framerate=8/1 ! \
    cowbehavior threshold=0.125 padding=0.25 top-k=3 smoothing=hmm \
    'zones=pen 1=0,0,.5,1;bed=.5,.5 1,.5 .75,1' ! \
    cowoverlay ! cowpublish source=barn "file=$work/$1.jsonl" ! \
    cowpublish source=barn "file=$work/$1.csv" ! fakesink |
    grep ': cowbehavior, ' | sed 's/.*: cowbehavior, /: cowbehavior, /' >"$work/$1.messages"
}
# Without what differs from run to run.
without_clock () { sed 's/"system_timestamp":"[^"]*"//' "$1"; }
element () {
  ascii play plain && germany play german && [ -s "$work/plain.jsonl" ] &&
    cmp <(without_clock "$work/plain.jsonl") <(without_clock "$work/german.jsonl") &&
    cmp "$work/plain.csv" "$work/german.csv" && [ "$(wc -l <"$work/plain.csv")" = 7 ] &&
    cmp "$work/plain.messages" "$work/german.messages"
}
utc () {
  local said
  nepal play nepal
  said=$(sed -n '1s/.*"system_timestamp":"\([^"]*\)Z".*/\1/p' "$work/nepal.jsonl")
  echo "$said"
  said=$(date --utc --date "${said}Z" +%s) && [ $((EPOCHSECONDS - said)) -lt 600 ] &&
    [ $((said - EPOCHSECONDS)) -lt 60 ]
}

# A container without a user's folders, in which GStreamer cannot keep its registry.
homeless () {
  env -i PATH="$PATH" GST_PLUGIN_PATH="$GST_PLUGIN_PATH" COWBEHAVIOR_PATH="$COWBEHAVIOR_PATH" \
    GST_REGISTRY=/dev/null/registry.bin HOME=/dev/null \
    gst-launch-1.0 -q videotestsrc num-buffers=3 ! \
    video/x-raw,width=96,height=64 ! cowbehavior ! cowoverlay ! cowpublish file=- ! fakesink |
    grep -c '"label"' | grep -x 3
}

# score.awk counts in fractions, so it works or says that it cannot.
score () {
  local truth='{"frame": 1, "time": 0.125, "cow": "1", "x": 8, "y": 8, "w": 9, "h": 9,'
  truth+=' "behaviour": "Lying", "changing": false}'
  echo "${truth/1/0}" >"$work/truth.jsonl"
  echo "$truth" >>"$work/truth.jsonl"
  printf 'source,track,time,label,x,y,w,h\nbarn,1,%s,Lying,8,8,9,9\n' 0.000 >"$work/events.csv"
  printf 'barn,1,%s,Lying,8,8,9,9\n' 0.125 >>"$work/events.csv"
  ascii "$@" -f pipelines/demo/score.awk "$work/truth.jsonl" "$work/events.csv" >"$work/plain.score"
  germany "$@" -f pipelines/demo/score.awk "$work/truth.jsonl" "$work/events.csv" \
    >"$work/german.score" 2>"$work/refusal"
  case $? in
    0) cmp "$work/plain.score" "$work/german.score" ;;
    2) grep 'run it with LC_ALL=C' "$work/refusal" ;;
    *) return 1 ;;
  esac
}

# ---- cow-trainer -------------------------------------------------------------------------------

# A run folder with a space and letters that ASCII lacks, below another one.
run_of () { echo "$work/$1/Läufe/Stall 1"; }
# train PLACE OPTION...: one epoch there, and an evaluation with thresholds.
train () {
  local place=$1 run
  run=$(run_of "$place")
  mkdir -p "$(dirname "$run")"
  "$place" cow-trainer train "${@:2}" --data "$work/Kühe" --out "$run" --epochs 1 &&
    "$place" cow-trainer eval --adapter "$run/best" --out "$run/eval" --calibrate --save
}
pictures () {
  cow-render-barn pictures "$work/Kühe" --style day --per-class 6 --split --seed 1
}
trains () {
  train ascii --recipe frozen --model drawn-cows --learning-rate 0.0125 --label-smoothing 0.0625 \
    >"$work/trained"
}
# The line at the end of that, as somebody pastes it: a table with a row for each frame.
pasted () {
  local line
  line=$(sed -n 's/^On a video: *//p' "$work/trained")
  [ -n "$line" ] && cow-render-barn video "$work/barn.mp4" --seconds 1 &&
    (cd "$work" && eval "$line") | tee "$work/pasted" | grep -c ',frame,' | grep -x 15 &&
    head -n 1 "$work/pasted" | grep '^source,zone,track,time,'
}
# What a run wrote, read where numbers have a comma: the same run again.
trains_again () { train germany --config "$(run_of ascii)/recipe.ini" --model drawn-cows; }
# Without what differs between two runs: their folder, and when they were.
alike () { sed "s|$work/[a-z]*/||g; /\"made_at\"/d" "$1"; }
same_files () {
  local name
  for name in recipe.ini best/cowbehavior.json eval/predictions.csv eval/per_class.csv; do
    diff <(alike "$(run_of ascii)/$name") <(alike "$(run_of germany)/$name") || return 1
  done
  # These also say how long it took. A number with a comma would be two fields.
  awk -F, 'NR == 1 { n = NF } NF != n { print; exit 1 }' "$(run_of germany)/results.csv" || return 1
  ! grep -E '[0-9],[0-9]{3,}[^0-9.]' "$(run_of germany)/eval/results.json" || return 1
  python3 -m json.tool "$(run_of germany)/eval/results.json"
}
predict () {
  local format
  for format in table csv jsonl; do
    ascii cow-trainer predict "$work/Kühe/test" --format "$format" >"$work/plain.$format"
    germany cow-trainer predict "$work/Kühe/test" --format "$format" >"$work/german.$format"
    cmp "$work/plain.$format" "$work/german.$format" && grep -q 'Kühe/test/' "$work/plain.csv" ||
      [ "$format" = table ] || return 1
  done
}
info () {
  cp -r pipelines/demo/model/drawn-cows "$work/Kühe/Netz" &&
    ascii cow-trainer info --json "$work/Kühe/Netz" >"$work/plain.json" &&
    germany cow-trainer info --json "$work/Kühe/Netz" >"$work/german.json" &&
    cmp "$work/plain.json" "$work/german.json" && grep 'Kühe/Netz' "$work/plain.json" &&
    rm -r "$work/Kühe/Netz"
}
check () {
  ascii cow-trainer check --data "$work/Kühe" --json >"$work/plain.json" &&
    germany cow-trainer check --data "$work/Kühe" --json >"$work/german.json" &&
    cmp "$work/plain.json" "$work/german.json" && grep -q 'Kühe' "$work/plain.json"
}
table () {
  printf 'image_path,label,split,xmin,ymin,xmax,ymax\n' >"$work/Kühe/boxes.csv"
  local picture label
  for picture in "$work"/Kühe/train/*/*.png; do
    label=$(basename "$(dirname "$picture")")
    printf '%s,%s,train,0.125,0.25,0.75,0.875\n' "${picture#"$work/Kühe/"}" "$label"
  done >>"$work/Kühe/boxes.csv"
  ascii cow-trainer check --data "$work/Kühe/boxes.csv" --json >"$work/plain.json" &&
    germany cow-trainer check --data "$work/Kühe/boxes.csv" --json >"$work/german.json" &&
    cmp "$work/plain.json" "$work/german.json" && rm "$work/Kühe/boxes.csv"
}
# The report's time is local, and says how far that is from UTC.
offset () {
  nepal cow-trainer eval --adapter "$(run_of ascii)/best" --out "$work/nepal" &&
    grep -E '"made_at" ?: ?"[0-9-]{10} [0-9:]{8} \+05:45"' "$work/nepal/results.json"
}
# A gst-launch-1.0 that speaks the user's language, as GStreamer's does with its translations.
german_launch () {
  mkdir -p "$work/bin"
  cat >"$work/bin/gst-launch-1.0" <<'END'
#!/bin/bash
ended='Execution ended after 0:00:02.500000000'
[ "${LC_ALL:-}" = C.UTF-8 ] && [ -z "${LANGUAGE:-}" ] || ended='Ausführung endete nach 0:00:02.5'
printf '/sink: last-message = chain  *****\n%.0s' 1 2 3
echo "$ended"
END
  chmod +x "$work/bin/gst-launch-1.0"
  PATH=$work/bin:$PATH germany cow-trainer bench --model drawn-cows --adapter drawn-cows-day \
    --batch 1 --threads 1 --seconds 0.25 --pipeline "$work/none.mp4" --json
}

if ! command -v localedef >/dev/null || [ ! -d /usr/lib/locale/C.utf8 ]; then
  echo "no localedef or no C.UTF-8 here: no locale can be made"
  exit 77
fi
point "a locale with a decimal comma is made" has_commas
point "cowbehavior, cowoverlay and cowpublish read and write points" element
point "events are in UTC" utc
point "they work without a home, and with no place for a registry" homeless
for awk in mawk gawk original-awk "busybox awk"; do
  if command -v "${awk%% *}" >/dev/null; then
    # shellcheck disable=SC2086  # a program and its applet
    point "score.awk with $awk" score $awk
  else
    skip "score.awk with $awk" "it is not installed"
  fi
done
point "pictures are drawn" pictures
point "trains and evaluates with ASCII alone" trains
point "and prints a line that labels a video when it is pasted" pasted
point "and again with a comma, by that run's recipe.ini" trains_again
point "the files of both are the same" same_files
point "predict" predict
point "info --json" info
point "check --json" check
point "boxes of a table" table
point "a report's time has its offset" offset
point "GStreamer is asked in English" german_launch
echo "1..$number"
exit $failed
