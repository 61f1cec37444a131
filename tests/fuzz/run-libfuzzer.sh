#!/bin/bash
# SPDX-License-Identifier: MIT
# Fuzzes all readers of foreign bytes with clang's libFuzzer, guided by coverage, one after the
# other, and does not stop at what it finds:
#
#   run-libfuzzer.sh [--minutes N] [NAME...]     N for each target, 1 by default; NAME: only these
#   run-libfuzzer.sh --list                      the names
#
# A table is printed at the end: executions, what was covered (edges and features of libFuzzer),
# inputs kept and findings. Inputs that reach new code are kept in BUILD_DIR/corpus/NAME, and a next
# run goes on from them; inputs that are findings are in BUILD_DIR/findings/NAME, beside log.txt.
# The exit status is 1 where there are findings, 2 where a target did not run.
#
# Environment: BUILD_DIR (build-fuzz), CLANG (clang, with a number after it where there is one),
# COW_NO_INSTALL as tests/run.sh knows it.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD_DIR=$(realpath -m "${BUILD_DIR:-$root/build-fuzz}")
clang=${CLANG:-clang}
minutes=1
export LC_ALL=C.UTF-8 COW_TEST_DATA=$root/tests/data CUDA_VISIBLE_DEVICES=
# What GStreamer, libvips and their libraries keep until the end is no leak of a reader.
export LSAN_OPTIONS=suppressions=$root/tests/sanitizers/lsan.supp:print_suppressions=0
# Names of functions take longer to be found than most inputs to run; a finding that is run again,
# `fuzz-NAME INPUT`, has them.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1:symbolize=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

give_up () {
  echo "run-libfuzzer.sh: $1" >&2
  exit 2
}

# The rows of targets: name, mutations, dictionary.
rows () {
  grep -v '^#' "$here/targets" | grep .
}

build () {
  # shellcheck source=pipelines/lib/packages.sh
  . "$root/pipelines/lib/packages.sh"
  cow_install_packages BUILD RUN TEST TSAN || return 1
  command -v "$clang" >/dev/null || give_up "there is no $clang"
  if [ ! -f "$BUILD_DIR/build.ninja" ]; then
    CC=$clang meson setup "$BUILD_DIR" "$root" -Dtests=true -Dcuda=disabled -Dfuzzer=true ||
      return 1
  fi
  ninja -C "$BUILD_DIR" fuzz-targets
}

# fuzz NAME DICTIONARY: libFuzzer's fork mode starts anew behind each finding, and its children
# tell of none but new inputs.
fuzz () {
  local kept=$BUILD_DIR/corpus/$1 found=$BUILD_DIR/findings/$1 options=()
  mkdir -p "$kept" "$found"
  [ "$2" = - ] || options+=("-dict=$here/dictionaries/$2.dict")
  (cd "$found" && "$BUILD_DIR/tests/fuzz/fuzz-$1" -fork=1 -ignore_crashes=1 -ignore_ooms=1 \
    -ignore_timeouts=1 -max_total_time=$((minutes * 60)) -max_len=8192 -timeout=20 \
    -rss_limit_mb=2048 "-artifact_prefix=$found/" "${options[@]}" "$kept" "$here/corpus/$1" \
    >"$found/log.txt" 2>&1)
  # What was killed leaves its folder.
  rm -rf "${TMPDIR:?}"/cow-fuzz-*
}

# The last number behind a word of the log's lines of progress: "#1234: cov: 56 ft: 78 corp: 9 ...".
figure () {
  grep -E '^#[0-9]+: cov: ' "$BUILD_DIR/findings/$1/log.txt" | tail -1 | sed -n "s/$2/\1/p"
}

# report NAME: a row of the table; its status as the script's.
report () {
  local runs edges features kept findings
  runs=$(figure "$1" '^#\([0-9]*\):.*')
  edges=$(figure "$1" '.* cov: \([0-9]*\) .*')
  features=$(figure "$1" '.* ft: \([0-9]*\) .*')
  kept=$(find "$BUILD_DIR/corpus/$1" -type f | wc -l)
  findings=$(find "$BUILD_DIR/findings/$1" -type f ! -name log.txt | wc -l)
  printf '%-20s %12s %8s %9s %7s %9s\n' "$1" "${runs:--}" "${edges:--}" "${features:--}" "$kept" \
    "$findings"
  [ -n "$runs" ] || return 2
  [ "$findings" = 0 ]
}

main () {
  local name dictionary names=() status=0 lines=()
  while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
      sed -n '3,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --list)
      rows | awk '{ print $1 }'
      exit 0
      ;;
    --minutes)
      minutes=${2:-}
      [[ $minutes =~ ^[1-9][0-9]*$ ]] || give_up "--minutes: a number is expected"
      shift
      ;;
    -*) give_up "$1 is no option" ;;
    *)
      rows | awk '{ print $1 }' | grep -qx -- "$1" || give_up "$1 is no target (--list)"
      names+=("$1")
      ;;
    esac
    shift
  done
  build || give_up "the build failed"
  TMPDIR=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/cow-libfuzzer-XXXXXX")
  export TMPDIR
  trap 'rm -rf "$TMPDIR"' EXIT
  trap 'exit 130' INT TERM
  while read -r name _ dictionary; do
    [ "${#names[@]}" = 0 ] || [[ " ${names[*]} " = *" $name "* ]] || continue
    echo "$name: $minutes min"
    fuzz "$name" "$dictionary"
    lines+=("$name")
  done < <(rows)
  printf '%-20s %12s %8s %9s %7s %9s\n' target executions edges features inputs findings
  for name in "${lines[@]}"; do
    report "$name"
    local own=$?
    [ "$own" -le "$status" ] || status=$own
  done
  exit "$status"
}

main "$@"
