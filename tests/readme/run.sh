#!/bin/bash
# SPDX-License-Identifier: MIT
# Types the README's commands, and those for a first network without an account, up to a label.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec python3 tests/readme/check_readme.py "$(realpath "${BUILD_DIR:-build-tests}")"
