#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs eight RTSP cameras at 10 frames/s on this machine, with an engine that is too slow for them,
# while everything fails in turn: cameras (mute, frozen, garbage, another size, another codec,
# rebooted), the MQTT broker and the HTTP endpoint (killed, ended, stopped), adapters that are
# exchanged, models that are switched and whose files change. tests/gst/soak.c says what must not
# happen. It prints a line a cycle of about 40 s; soak-live.md keeps results.
#   tests/soak-live.sh [MINUTES]      10 by default, 5 at least to judge memory; builds in
#                                     build-tests/ (BUILD_DIR)
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build-tests}")
[ -f "$BUILD_DIR/build.ninja" ] || meson setup "$BUILD_DIR" -Dtests=true || exit 1
ninja -C "$BUILD_DIR" tests/gst/soak{,-cameras} gst-plugin/libgstcow{behavior,publish}.so || exit 1
export COW_TEST_DATA=$PWD/tests/data
export GST_PLUGIN_PATH=$BUILD_DIR/gst-plugin GST_REGISTRY=$BUILD_DIR/soak.registry
exec "$BUILD_DIR/tests/gst/soak" "${1:-10}" "$BUILD_DIR/tests/gst/soak-cameras" tests/endpoint.py
