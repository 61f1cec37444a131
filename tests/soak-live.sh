#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs four RTSP cameras at 15 frames/s on this machine with an engine that takes a second for each
# forward pass. Prints a line every ten seconds. Fails when a frame is lost or stays in the element
# for longer than a frame's time, when frames do not add up, or when memory grows.
#   tests/soak-live.sh [MINUTES]      10 by default; builds in build-tests/ (BUILD_DIR)
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build-tests}")
[ -f "$BUILD_DIR/build.ninja" ] || meson setup "$BUILD_DIR" -Dtests=true || exit 1
ninja -C "$BUILD_DIR" tests/gst/test-gst-cameras \
  gst-plugin/libgstcow{behavior,overlay,publish}.so || exit 1
export COW_TEST_DATA=$PWD/tests/data
export GST_PLUGIN_PATH=$BUILD_DIR/gst-plugin GST_REGISTRY=$BUILD_DIR/soak.registry
exec "$BUILD_DIR/tests/gst/test-gst-cameras" --soak "${1:-10}"
