#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the packages that the tests need, builds, runs the tests, and ends with one line: N
# passed, N failed, N skipped.
#
#   tests/run.sh              all
#   tests/run.sh NAME...      tests, suites or script suites of these names
#   tests/run.sh --list       the names, after a build
#   tests/run.sh --help       this text
#
# Environment:
#   BUILD_DIR          build folder (build-tests)
#   MESON_ARGS         more options for the build
#   MESON_TEST_ARGS    more options for meson test; with any, script suites do not run
#   TEST_WRAPPER       a program with its options that runs each test
#   COW_NO_INSTALL     not empty: install nothing
#
# A script suite is tests/NAME/run.sh. It finds the build in $BUILD_DIR and may speak TAP. It exits
# with 0, or with 77 and a reason in its last line if it cannot run here, or with another status if
# it failed.
set -u
case ${1:-} in
  -h | --help)
    sed -n '3,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export LC_ALL=C.UTF-8
# Tests compare with numbers of the CPU, so "auto" is to find no GPU.
export CUDA_VISIBLE_DEVICES=
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build-tests}")
export BUILD_DIR
logs=$BUILD_DIR/cow-test-logs
options=$BUILD_DIR/cow-options # that it was set up with

# An error that keeps the tests from running counts as one failure.
give_up () {
  echo "tests/run.sh: $1" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

install_packages () {
  # shellcheck source=pipelines/lib/packages.sh
  . pipelines/lib/packages.sh
  cow_install_packages BUILD RUN TEST
}

set_up () {
  # Of the architectures those that kernels have code of their own for: nvcc takes minutes for all.
  local args=(-Dtests=true -Dwerror=true -Dgpu_architectures=75,80) extra
  read -ra extra <<<"${MESON_ARGS:-}"
  args+=("${extra[@]}")
  # Setting the same again would make ninja look at everything again.
  if [ -f "$BUILD_DIR/build.ninja" ] && [ "${args[*]}" = "$(cat "$options" 2>/dev/null)" ]; then
    return 0
  fi
  if [ -f "$BUILD_DIR/build.ninja" ]; then
    meson configure "$BUILD_DIR" "${args[@]}" || return 1
  else
    # meson would take the remains of an interrupted set-up for a build.
    [ ! -d "$BUILD_DIR/meson-private" ] || rm -rf "$BUILD_DIR"
    meson setup "$BUILD_DIR" "${args[@]}" || return 1
  fi
  echo "${args[*]}" >"$options"
}

build () {
  set_up && ninja -C "$BUILD_DIR"
}

# Tests that are named need less than all.
build_for () {
  local targets
  mapfile -t targets < <(python3 tests/report/report.py needs "$BUILD_DIR" "$@")
  ninja -C "$BUILD_DIR" "${targets[@]}"
}

script_suites () {
  local script
  for script in tests/*/run.sh; do
    # That one needs a GPU, and is run by hand.
    [ "$script" != tests/gpu/run.sh ] || continue
    [ -x "$script" ] && basename "$(dirname "$script")"
  done
}

run_script () {
  echo "suite $1 (script)"
  "tests/$1/run.sh" >"$logs/$1.out" 2>&1 </dev/null
  local status=$?
  echo "$status" >"$logs/$1.status"
  # A suite that passed prints nothing; its points are counted below.
  [ "$status" = 0 ] || [ "$status" = 77 ] || cat "$logs/$1.out"
}

# A few tests that failed run once more, alone: what fails again is a fault; what passes now is one
# as well, of the test or of what it tests, but one that comes and goes. Both are said at the end.
run_again () {
  local failed
  mapfile -t failed < <(python3 tests/report/report.py failed "$BUILD_DIR/meson-logs")
  [ "${#failed[@]}" -gt 0 ] || return 0
  echo "once more: ${failed[*]}"
  meson test -C "$BUILD_DIR" --no-rebuild --print-errorlogs --num-processes 1 --logbase again \
    "${failed[@]}" </dev/null
}

main () {
  install_packages || give_up "packages are missing"
  if [ "${1:-}" = --list ]; then
    build >&2 || give_up "the build failed"
    python3 tests/report/report.py list "$BUILD_DIR" || exit 1
    script_suites
    exit 0
  fi
  set_up || give_up "the build failed"

  local selected=() scripts=() meson_args
  rm -rf "$logs" "$BUILD_DIR"/meson-logs/{testlog*,again}.json
  mkdir -p "$logs"
  selection=$(python3 tests/report/report.py select "$BUILD_DIR" \
    "$(script_suites | paste -sd, -)" "$@") || give_up "nothing was run"
  mapfile -t selected < <(sed -n 's/^meson //p' <<<"$selection")
  mapfile -t scripts < <(sed -n 's/^script //p' <<<"$selection")
  if [ $# -gt 0 ] && [ "${#scripts[@]}" -eq 0 ]; then
    build_for "${selected[@]}"
  else
    ninja -C "$BUILD_DIR"
  fi || give_up "the build failed"
  read -ra meson_args <<<"${MESON_TEST_ARGS:-}"
  [ -z "${TEST_WRAPPER:-}" ] || meson_args+=(--wrapper "$TEST_WRAPPER")
  if [ "${#selected[@]}" -gt 0 ]; then
    meson test -C "$BUILD_DIR" --no-rebuild --print-errorlogs "${meson_args[@]}" \
      "${selected[@]}" </dev/null
  fi
  if [ "${#meson_args[@]}" -eq 0 ]; then
    run_again
    for suite in "${scripts[@]}"; do
      run_script "$suite"
    done
  fi
  python3 tests/report/report.py count "$BUILD_DIR/meson-logs" "$logs" "${#selected[@]}"
}

main "$@"
