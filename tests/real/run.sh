#!/bin/bash
# SPDX-License-Identifier: MIT
# The scripts for real barns convert small stand-ins of the data, made of drawn frames.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec python3 tests/real/check_real.py "$(realpath "${BUILD_DIR:-build-tests}")"
