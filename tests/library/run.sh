#!/bin/bash
# SPDX-License-Identifier: MIT
# libcowbehavior as a program outside this project meets it: installed to a folder of its own, found by pkg-config, and nothing else of the
# tree in sight. Speaks TAP.
# shellcheck disable=SC2317  # point runs the functions by name
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
if [ ! -e "$build/model/api/libcowbehavior.so.0" ]; then
  echo "no libcowbehavior in $build: build the project first (BUILD_DIR names the build folder)"
  exit 1
fi
number=0 failed=0
read -ra cc <<<"${CC:-cc}" # may be two words, as "ccache cc"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# point LABEL COMMAND...
point () {
  local label=$1
  shift
  number=$((number + 1))
  if "$@" >"$work/output" 2>&1; then
    echo "ok $number $label"
  else
    echo "not ok $number $label"
    sed 's/^/# /' "$work/output"
    failed=1
  fi
}

install_library () {
  meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" --tags devel,runtime
  # The .pc file names the folder where the library is to lie in the end.
  pc=$(find "$work/root" -name cowbehavior.pc)
  [ -n "$pc" ] && prefix=$work/root$(sed -n 's/^prefix=//p' "$pc")
}
# Finds the installed .pc file and no other, so that what it asks for beyond itself is an error here.
config () { PKG_CONFIG_LIBDIR=$(dirname "$pc") PKG_CONFIG_PATH='' pkg-config --define-variable=prefix="$prefix" "$@" cowbehavior; }
right_version () {
  [ "$(config --modversion)" = "$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)" ]
}
needs_nothing () { [ -z "$(config --print-requires)$(config --print-requires-private)" ]; }
# compile COMPILER ARGUMENTS...: with the flags of pkg-config alone
compile () {
  local flags
  read -ra flags <<<"$(config --cflags --libs)"
  [ "${#flags[@]}" -gt 0 ] && "$@" -Wall -Wextra -pedantic -Werror "${flags[@]}"
}
header () { compile "$@" -fsyntax-only -include cowbehavior/cowbehavior.h /dev/null; }
declared () { sed -n 's/^COW_BEHAVIOR_API.*[ *]\(cow_behavior_[a-z_]*\) (.*/\1/p' "$prefix/include/cowbehavior/cowbehavior.h" | sort; }
exports_the_header () {
  nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
  [ -s "$work/exported" ] && diff <(declared) "$work/exported"
}
soname () { objdump -p "$library" | grep -x ' *SONAME *libcowbehavior.so.0'; }

# classify ARGUMENTS...: the installed example with the model of this test
classify () {
  LD_LIBRARY_PATH=$(dirname "$library") "$work/classify-picture" -m "$work/model" -a "$work/adapter" "$@"
}
# The probabilities that classify printed, a line each.
numbers () { sed -n 's/^  \([0-9.]*\) .*/\1/p'; }
near () { # near FILE FILE: as many numbers, at least nine, and none apart by more than 1e-6
  paste "$1" "$2" >"$work/pairs"
  awk 'NF != 2 || $1 - $2 > 1e-6 || $2 - $1 > 1e-6 { bad = 1 } END { exit bad || NR < 9 }' "$work/pairs" && return
  cat "$work/pairs"
  return 1
}
as_cow_trainer () {
  "$build/trainer/cow-trainer" predict "$work/barn.png" --model "$work/model" --adapter "$work/adapter" --format csv >"$work/csv" || return 1
  tail -n 1 "$work/csv" | tr , '\n' | tail -n +4 >"$work/expected"
  classify "$work/barn.ppm" >"$work/classified" || return 1
  numbers <"$work/classified" >"$work/found"
  near "$work/expected" "$work/found" && [ "$(head -n 1 "$work/classified")" = "$(tail -n 1 "$work/csv" | cut -d , -f 2)" ]
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
# fails_with PATTERN ARGUMENTS...: an ordinary exit with a message
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
point "the example compiles" compile "${cc[@]}" -std=c11 -O1 -o "$work/classify-picture" pipelines/examples/classify-picture.c
point "a model to ask" "$build/pipelines/demo/cow-formula-model" tiny "$work/model" --adapter "$work/adapter" --head --size 64
point "pictures to show" python3 tests/library/pictures.py "$work"
point "answers as cow-trainer predict" as_cow_trainer
point "of a region as of its crop" region_is_crop
point "of NV12 as of the same in grey" nv12_is_grey
point "says what is wrong with a file" fails_with 'shorter than its picture' "$work/short.ppm"
point "that is no picture" fails_with 'no binary PPM' "$work/barn.png"
point "that is not there" fails_with 'No such file' "$work/none.ppm"
point "with a region" fails_with 'no pixel inside' -r 200,0,10,10 "$work/barn.ppm"
point "with a model" fails_with 'nowhere' -m "$work/nowhere" "$work/barn.ppm"
point "with a command line" fails_with 'usage' -n 0x0 "$work/frame.nv12"
point "the test of the calls compiles" compile "${cc[@]}" -std=c11 -O1 -pthread \
  -o "$work/test-library" tests/library/test-library.c tests/library/library-test.c \
  tests/library/test-pictures.c tests/library/test-wrong.c
# Its points follow. Nothing in it may be a critical of GLib's.
LD_LIBRARY_PATH=$(dirname "$library") G_DEBUG=fatal-criticals "$work/test-library" "$number" "$work/model" "$work/adapter" >"$work/calls"
status=$?
cat "$work/calls"
[ "$status" = 0 ] || failed=1
more=$(grep -c -E '^(not )?ok ' "$work/calls")
number=$((number + more))
point "the test of the calls ran to its end" grep -q -x '# end' "$work/calls"
echo "1..$number"
exit $failed
