#!/bin/bash
# SPDX-License-Identifier: MIT
# Engine, kernels and element under ThreadSanitizer, in a build of their own: clang,
# sanitizers/tsan-glib.c, which tells of GLib's locks, and sanitizers/tsan-copies.c, which tells of
# copies. The threads of operations are our own (kernels/cpu/team.c) and need no telling.
#
#   tests/tsan.sh              all of these
#   tests/tsan.sh NAME...      tests or suites of these names instead
#
# First programs that have a race must be reported, and ones that have none must not. The last line
# is N passed, N failed, N skipped; a report of ThreadSanitizer fails the test that it is of. Before
# it come the places that were reported; whole reports are in BUILD_DIR/tsan-reports.
#
# Environment: BUILD_DIR (build-tsan), CLANG (clang, with a number after it where there is one), and
# what tests/run.sh knows.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD_DIR=$(realpath -m "${BUILD_DIR:-$here/../build-tsan}")
export BUILD_DIR
reports=$BUILD_DIR/tsan-reports
preload=$BUILD_DIR/tsan-glib.so
copies=$BUILD_DIR/tsan-copies.o
link_args=$BUILD_DIR/tsan-link-args

# Whatever keeps the tests from running is one failure.
give_up () {
  echo "tests/tsan.sh: $1" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

# shellcheck source=pipelines/lib/packages.sh
. "$here/../pipelines/lib/packages.sh"
cow_install_packages BUILD TSAN || give_up "packages are missing"
clang=${CLANG:-clang}
command -v "$clang" >/dev/null || give_up "there is no $clang"

# ignore_noninstrumented_modules: libraries that were not built for this are not judged by what
# their allocations and copies look like. history_size: both stacks of a race, also when the first
# access is long ago. detect_deadlocks: two locks that are taken in both orders.
options=ignore_noninstrumented_modules=1:history_size=4:detect_deadlocks=1:second_deadlock_stack=1
# One allocation an object, so that memory that is used again is new to ThreadSanitizer as well; the
# plugin is scanned inside the test, since the scanner is another program.
export G_SLICE=always-malloc GST_REGISTRY_FORK=no

# seed NAME: runs one, and prints how many races were reported.
seed () {
  TSAN_OPTIONS="$options:exitcode=0" LD_PRELOAD=$preload timeout 120 \
    "$BUILD_DIR/tsan-seed" "$1" >"$reports/seed-$1" 2>&1 || return 1
  grep -c "^WARNING: ThreadSanitizer: data race" "$reports/seed-$1" || true
}

# What is linked and preloaded, and the proof that ThreadSanitizer tells races from what is none.
prove () {
  local name found glib wrong=0
  read -ra glib <<<"$(pkg-config --cflags --libs glib-2.0)"
  mkdir -p "$BUILD_DIR"
  rm -rf "$reports"
  mkdir "$reports"
  "$clang" -Wall -Wextra -Wno-unused-parameter -Wno-deprecated-declarations -shared -fPIC -O1 -g \
    -o "$preload" "$here/sanitizers/tsan-glib.c" "${glib[@]}" -ldl || give_up "tsan-glib.c"
  "$clang" -Wall -Wextra -fPIC -fvisibility=hidden -fno-builtin -O1 -g -c \
    -o "$copies" "$here/sanitizers/tsan-copies.c" || give_up "tsan-copies.c"
  echo "-Wl,--wrap=memcpy,--wrap=memmove,--wrap=memset $copies" >"$link_args"
  "$clang" -Wall -Wno-unused-parameter -fsanitize=thread -O1 -g "@$link_args" -I"$here/.." \
    -o "$BUILD_DIR/tsan-seed" "$here/sanitizers/tsan-seed.c" "$here/../kernels/cpu/team.c" \
    "${glib[@]}" || give_up "tsan-seed.c"
  for name in $("$BUILD_DIR/tsan-seed"); do
    found=$(seed "$name") || found="no result"
    case $name:$found in
      race-*:[1-9]*) echo "seed $name: reported" ;;
      race-*)
        echo "seed $name: NOT REPORTED ($found)"
        wrong=1
        ;;
      *:0) echo "seed $name: silent" ;;
      *)
        echo "seed $name: REPORTED, though it has no race ($found)"
        wrong=1
        ;;
    esac
  done
  return $wrong
}

# What was reported, each place once, with how often.
summary () {
  cat "$reports"/report.* 2>/dev/null | sed -n "s|^SUMMARY: ThreadSanitizer: ||p" |
    sed "s|$BUILD_DIR/\.\./||; s|$(realpath "$here/..")/||" | sort | uniq -c | sort -rn
}

prove || give_up "ThreadSanitizer does not tell races from what is none (see above)"
export CC=$clang
# Not with -Werror: clang warns of variables that are there to be freed at the end of their block,
# and gcc has judged all warnings.
MESON_ARGS="${MESON_ARGS:-} -Db_sanitize=thread -Db_lundef=false -Dwerror=false"
MESON_ARGS+=" -Dc_link_args=@$link_args"
export MESON_ARGS
export MESON_TEST_ARGS="--timeout-multiplier 20 ${MESON_TEST_ARGS:-}"
# Without the leaks tracer: each object that is made or freed takes its lock, which orders what
# nothing else does.
TEST_WRAPPER="env -u GST_TRACERS LD_PRELOAD=$preload"
TEST_WRAPPER+=" TSAN_OPTIONS=$options:log_path=$reports/report"
export TEST_WRAPPER
# Not gst-cameras, whose RTSP server takes GStreamer's locks in both orders, nor gst-publish-mqtt:
# libmosquitto cancels its thread, which ThreadSanitizer takes for its own error. Nor those that
# start gst-launch-1.0, which is not instrumented.
[ $# -gt 0 ] || set -- kernels engine engine-batches golden gradients trainer-loader trainer-cache \
  gst-batches gst-element gst-exchange gst-labels gst-live gst-playback gst-publish \
  gst-publish-http gst-regions gst-sharing gst-stream gst-threads gst-tracks
# A test's registry of plugins is made when it first starts, by loading every plugin of this
# machine, and some of those take GLib's and their own locks in both orders. Listing the test's
# cases makes it.
scanned=()
for name; do
  [[ $name != gst-* ]] || scanned+=("$name")
done
scan=${TEST_WRAPPER/detect_deadlocks=1/detect_deadlocks=0}
[ "${#scanned[@]}" = 0 ] ||
  TEST_WRAPPER=${scan%report}scan MESON_TEST_ARGS="$MESON_TEST_ARGS --test-args=-l" \
    "$here/run.sh" "${scanned[@]}" >"$reports/output-of-scan" 2>&1 || true
"$here/run.sh" "$@" | tee "$reports/output"
status=${PIPESTATUS[0]}
places=$(summary)
[ -z "$places" ] || printf 'ThreadSanitizer reported:\n%s\n' "$places"
tail -n 1 "$reports/output"
exit "$status"
