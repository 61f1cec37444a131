#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the site of docs/ and checks it. Speaks TAP.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
for program in pandoc gst-inspect-1.0; do
  command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
/usr/bin/python3 -c 'import gi' 2>/dev/null || { echo "no python3-gi"; exit 77; }
exec python3 tests/docs/check_docs.py "$(realpath "${BUILD_DIR:-build-tests}")"
