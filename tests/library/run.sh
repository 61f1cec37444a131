#!/bin/bash
# SPDX-License-Identifier: MIT
# Tests libcowbehavior as a program outside this project uses it: installed to a folder of its own,
# found by pkg-config, without anything else of the tree. Speaks TAP.
# shellcheck disable=SC2317  # point runs the functions by name
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
if [ ! -e "$build/model/api/libcowbehavior.so.0" ]; then
  echo "no libcowbehavior in $build: build the project first (BUILD_DIR names the build folder)"
  exit 1
fi
# shellcheck source=tests/report/points.sh
. tests/report/points.sh
read -ra cc <<<"${CC:-cc}" # may be two words, as "ccache cc"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_library () {
  meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" --tags devel,runtime
  # The .pc file names the final folder of the library.
  pc=$(find "$work/root" -name cowbehavior.pc)
  [ -n "$pc" ] && prefix=$work/root$(sed -n 's/^prefix=//p' "$pc")
}
# Each file that is installed has a place in one of Debian's packages: the build of the packages
# ends where one has not, which takes an hour to find out.
packages_take_all () {
  local file pattern taken lost=0
  local patterns
  mapfile -t patterns < <(cat debian/*.install)
  meson install -C "$build" --no-rebuild --quiet --destdir "$work/all" || return 1
  while read -r file; do
    taken=
    for pattern in "${patterns[@]}"; do
      # The patterns are meant as such.
      # shellcheck disable=SC2053
      pattern=${pattern%% *}
      if [[ $file == $pattern || $file == $pattern/* ]]; then taken=1; fi
    done
    [ -n "$taken" ] || { echo "$file is in none of debian/*.install"; lost=1; }
  done < <(cd "$work/all" && find . ! -type d | sed 's,^\./usr/local/,usr/,; s,^\./,,')
  return "$lost"
}
verbs_have_pages () {
  local verb pages=$work/all/usr/local/share/man/man1
  [ -s "$pages/cow-trainer.1" ] || return 1
  for verb in $("$build/trainer/cow-trainer" --complete | cut -f 1 | grep -v ^-); do
    grep -q "^cow-trainer-$verb " "$pages/cow-trainer-$verb.1" || return 1
  done
}
# pkg-config finds only the installed .pc files, so any other package that libcowbehavior required
# would be an error.
config () {
  PKG_CONFIG_LIBDIR=$(dirname "$pc") PKG_CONFIG_PATH='' \
    pkg-config --define-variable=prefix="$prefix" "$@" cowbehavior
}
right_version () {
  [ "$(config --modversion)" = "$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)" ]
}
needs_nothing () { [ -z "$(config --print-requires)$(config --print-requires-private)" ]; }
# compile COMPILER ARGUMENTS...: compiles with the flags of pkg-config only.
compile () {
  local flags
  read -ra flags <<<"$(config --cflags --libs)"
  [ "${#flags[@]}" -gt 0 ] && "$@" -Wall -Wextra -pedantic -Werror "${flags[@]}"
}
# with_gst COMMAND...: where pkg-config finds GStreamer's packages besides, as for programs that
# have the element in a pipeline of theirs.
with_gst () {
  local fixed=$work/pkgconfig
  mkdir -p "$fixed"
  # cmake's pkg_check_modules cannot define a variable, so the prefix is written into copies.
  for file in "$(dirname "$pc")"/cowbehavior*.pc; do
    sed "s,^prefix=.*,prefix=$prefix," "$file" >"$fixed/$(basename "$file")"
  done
  PKG_CONFIG_PATH=$fixed:${PKG_CONFIG_PATH:-} "$@"
}
requires_gstreamer () {
  [ "$(with_gst pkg-config --print-requires cowbehavior-gst)" = 'gstreamer-1.0 >= 1.22' ]
}
# A program that reads the metadata needs libraries of GStreamer and GLib alone.
nvr_compiles () {
  local flags
  read -ra flags <<<"$(with_gst pkg-config --cflags --libs cowbehavior-gst)"
  "${cc[@]}" -std=c11 -Wall -Wextra -Werror -O1 -o "$work/nvr" pipelines/examples/nvr.c \
    "${flags[@]}" && ! objdump -p "$work/nvr" | grep 'NEEDED.*cow'
}
cmake_builds () {
  with_gst cmake -S pipelines/examples/cmake -B "$work/cmake" -DCMAKE_C_COMPILER="${cc[-1]}" &&
    cmake --build "$work/cmake" &&
    LD_LIBRARY_PATH=$(dirname "$library") "$work/cmake/classify-picture" -m "$work/model" \
      -a "$work/adapter" "$work/barn.ppm"
}
# play COMMAND...: plays the drawn barn with the example and the elements of this build.
play () {
  GST_PLUGIN_PATH=$build/gst-plugin GST_REGISTRY=$work/registry \
    COWBEHAVIOR_PATH=$PWD/pipelines/demo/model "$@" "$work/barn.mp4" 'left=0,0,0.5,1; b=0.5,0,0.5,1'
}
reads_metadata () {
  "$build/pipelines/demo/cow-render-barn" video "$work/barn.mp4" --seconds 2 || return 1
  play "$work/nvr" >"$work/nvr.txt" && cat "$work/nvr.txt"
  grep -q -x '30 frames, 30 of them with results' "$work/nvr.txt" &&
    grep -q -E '^0\.00 s  left: [A-Za-z ]+ \([0-9]+ %\)$' "$work/nvr.txt"
}
# Debian's Python is the one that python3-gi is for.
reads_as_in_c () { play /usr/bin/python3 pipelines/examples/nvr.py | diff "$work/nvr.txt" -; }

header () { compile "$@" -fsyntax-only -include cowbehavior/cowbehavior.h /dev/null; }
declared () {
  sed -n 's/^COW_BEHAVIOR_API.*[ *]\(cow_behavior_[a-z_]*\) (.*/\1/p' \
    "$prefix/include/cowbehavior/cowbehavior.h" | sort
}
exports_the_header () {
  nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
  [ -s "$work/exported" ] && diff <(declared) "$work/exported"
}
soname () { objdump -p "$library" | grep -x ' *SONAME *libcowbehavior.so.0'; }

# classify ARGUMENTS...: runs the installed example with the model of this test.
classify () {
  LD_LIBRARY_PATH=$(dirname "$library") "$work/classify-picture" \
    -m "$work/model" -a "$work/adapter" "$@"
}
# Prints the probabilities in the output of classify, one on a line.
numbers () { sed -n 's/^  \([0-9.]*\) .*/\1/p'; }
# near FILE FILE: whether both have as many numbers, at least nine, that differ by at most 1e-6.
near () {
  paste "$1" "$2" >"$work/pairs"
  awk 'NF != 2 || $1 - $2 > 1e-6 || $2 - $1 > 1e-6 { bad = 1 } END { exit bad || NR < 9 }' \
    "$work/pairs" && return
  cat "$work/pairs"
  return 1
}
# as_cow_trainer [ADAPTER]: with another than the adapter of this test.
as_cow_trainer () {
  local adapter=$work/${1:-adapter}
  "$build/trainer/cow-trainer" predict "$work/barn.png" --model "$work/model" \
    --adapter "$adapter" --format csv >"$work/csv" || return 1
  tail -n 1 "$work/csv" | tr , '\n' | tail -n +4 >"$work/expected"
  classify -a "$adapter" "$work/barn.ppm" >"$work/classified" || return 1
  numbers <"$work/classified" >"$work/found"
  near "$work/expected" "$work/found" &&
    [ "$(head -n 1 "$work/classified")" = "$(tail -n 1 "$work/csv" | cut -d , -f 2)" ]
}
# The same adapter, where a picture may have several labels.
several_as_cow_trainer () {
  cp -r "$work/adapter" "$work/several"
  python3 -c '
import json, sys
card = json.load(open(sys.argv[1]))
card.update(format=2, labels="multiple", thresholds=[0.5] * len(card["classes"]))
json.dump(card, open(sys.argv[1], "w"))' "$work/several/cowbehavior.json" &&
    as_cow_trainer several && grep -q '|' <(head -n 1 "$work/classified")
}
region_is_crop () {
  classify "$work/crop.ppm" | numbers >"$work/expected"
  classify -r 20,10,50,40 "$work/barn.ppm" | numbers >"$work/found"
  near "$work/expected" "$work/found"
}
nv12_is_grey () {
  classify "$work/grey.pgm" | numbers >"$work/expected"
  classify -n 97x61 "$work/frame.nv12" | numbers >"$work/found"
  near "$work/expected" "$work/found"
}
# The cows of a picture, as `predict` finds them, rounded; and what each of them does.
finds_as_cow_trainer () {
  "$build/trainer/cow-trainer" predict "$work/barn.png" --model "$work/model" \
    --adapter "$work/detector" --format csv >"$work/boxes" || return 1
  tail -n +2 "$work/boxes" | cut -d , -f 2-5 | tr , ' ' >"$work/expected"
  classify -f "$work/detector" "$work/barn.ppm" >"$work/classified" || return 1
  sed -n 's/^\([0-9,]*\): [A-Za-z].*/\1/p' "$work/classified" | tr , ' ' >"$work/found"
  paste -d ' ' "$work/expected" "$work/found" | tee "$work/pairs" | awk '
    NF != 8 { bad = 1 }
    { for (i = 1; i <= 4; i++) if (($i - $(i + 4)) ^ 2 > .6 ^ 2) bad = 1 }
    END { exit bad || NR < 3 }' && return
  cat "$work/pairs"
  return 1
}
# An adapter that finds cows and tells what they do needs no other one.
tells () {
  LD_LIBRARY_PATH=$(dirname "$library") "$work/classify-picture" -m "$work/model" \
    -a "$work/tells" "$work/barn.ppm" >"$work/told" || return 1
  sed -n 's/^\([0-9,]*\): \(Lying\|Standing\|Walking\)$/\1/p' "$work/told" | tr , ' ' >"$work/found"
  paste -d ' ' "$work/expected" "$work/found" | tee "$work/pairs" | awk '
    NF != 8 { bad = 1 }
    { for (i = 1; i <= 4; i++) if (($i - $(i + 4)) ^ 2 > .6 ^ 2) bad = 1 }
    END { exit bad || NR < 3 }' && return
  cat "$work/pairs"
  return 1
}
# fails_with PATTERN ARGUMENTS...: whether the example exits normally, with such a message.
fails_with () {
  local pattern=$1 status
  shift
  classify "$@" 2>"$work/errors"
  status=$?
  cat "$work/errors"
  { [ "$status" = 1 ] || [ "$status" = 2 ]; } && grep -q -e "$pattern" "$work/errors"
}

point "installs" install_library
library=$(find "$work/root" -name 'libcowbehavior.so.0')
point "Debian's packages take all that is installed" packages_take_all
point "each verb has a manual page" verbs_have_pages
point "pkg-config knows its version" right_version
point "and needs no other package" needs_nothing
point "the header compiles as C11" header "${cc[@]}" -std=c11
if command -v c++ >/dev/null; then
  point "and as C++" header c++ -std=c++17
else
  number=$((number + 1))
  echo "ok $number and as C++ # SKIP no C++ compiler"
fi
point "exports what the header declares and nothing else" exports_the_header
point "is version 0 to the loader" soname
point "the example compiles" compile "${cc[@]}" -std=c11 -O1 -o "$work/classify-picture" \
  pipelines/examples/classify-picture.c
point "a model is made" "$build/pipelines/demo/cow-formula-model" tiny "$work/model" \
  --adapter "$work/adapter" --head --size 64
point "pictures are made" python3 tests/library/pictures.py "$work"
point "gives the results of cow-trainer predict" as_cow_trainer
point "and several labels a picture" several_as_cow_trainer
features=$(sed -n 's/.*"hidden_size" *: *\([0-9]*\).*/\1/p' "$work/model/config.json")
point "a detector is made" "$build/tests/library/make-detector" "$work/detector" "$features"
point "finds the cows that cow-trainer predict finds" finds_as_cow_trainer
point "one that tells what cows do is made" "$build/tests/library/make-detector" "$work/tells" \
  "$features" tells
point "and finds and tells by itself" tells
point "gives a region the result of its crop" region_is_crop
point "gives NV12 the result of the same in grey" nv12_is_grey
point "explains a short file" fails_with 'shorter than its picture' "$work/short.ppm"
point "explains a file that is no picture" fails_with 'no binary PPM' "$work/barn.png"
point "explains a missing file" fails_with 'No such file' "$work/none.ppm"
point "explains a wrong region" fails_with 'no pixel inside' -r 200,0,10,10 "$work/barn.ppm"
point "explains a missing model" fails_with 'nowhere' -m "$work/nowhere" "$work/barn.ppm"
point "explains a wrong command line" fails_with 'usage' -n 0x0 "$work/frame.nv12"
point "the package for the metadata requires GStreamer" requires_gstreamer
point "a recorder in C compiles by it, and links nothing of ours" nvr_compiles
if command -v cmake >/dev/null; then
  point "CMake builds both examples, and one runs" cmake_builds
else
  skip "CMake builds both examples, and one runs" "no cmake"
fi
point "the recorder in C reads metadata and messages" reads_metadata
if /usr/bin/python3 -c 'import gi' 2>/dev/null; then
  point "and the one in Python the same" reads_as_in_c
else
  skip "and the one in Python the same" "no python3-gi"
fi
point "the test of the calls compiles" compile "${cc[@]}" -std=c11 -O1 -pthread \
  -o "$work/test-library" tests/library/test-library.c tests/library/library-test.c \
  tests/library/test-pictures.c tests/library/test-wrong.c tests/library/test-detect.c
# The points of that test follow; a critical message of GLib fails it.
LD_LIBRARY_PATH=$(dirname "$library") G_DEBUG=fatal-criticals \
  "$work/test-library" "$number" "$work/model" "$work/adapter" "$work/detector" "$work/tells" \
  >"$work/calls"
status=$?
cat "$work/calls"
[ "$status" = 0 ] || failed=1
more=$(grep -c -E '^(not )?ok ' "$work/calls")
number=$((number + more))
point "the test of the calls ran to its end" grep -q -x '# end' "$work/calls"
echo "1..$number"
exit $failed
