# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the walks share: packages, a build, steps with their time. A walk sources this file at its
# beginning, in the root of the tree, and calls arrive at its end.
set -u
export LC_ALL=C.UTF-8
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build}")
export BUILD_DIR
steps=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step LABEL COMMAND...: what it printed is shown where it fails, and the walk goes on.
step () {
  local label=$1 begun=$SECONDS
  shift
  steps=$((steps + 1))
  if "$@" >"$log" 2>&1 </dev/null; then
    echo "done    $label ($((SECONDS - begun)) s)"
  else
    echo "FAILED  $label ($((SECONDS - begun)) s)"
    sed 's/^/        /' "$log"
    failed=$((failed + 1))
  fi
}

# packages PURPOSE...: those of pipelines/lib/packages.sh.
packages () {
  # shellcheck source=pipelines/lib/packages.sh
  . pipelines/lib/packages.sh
  cow_install_packages "$@"
}

build () {
  [ -f "$BUILD_DIR/build.ninja" ] || meson setup "$BUILD_DIR" -Dtests=false || return 1
  ninja -C "$BUILD_DIR"
}

# page NAME VALUES...: types a tutorial.
page () {
  local name=$1
  shift
  python3 tests/tutorials/type_page.py "$BUILD_DIR" "docs/$name.md" "$@"
}

arrive () {
  echo "$1: $steps steps, $failed failed, $((SECONDS / 60)) min $((SECONDS % 60)) s"
  [ "$failed" = 0 ]
}
