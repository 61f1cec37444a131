#!/bin/bash
# SPDX-License-Identifier: MIT
# An engineer of recorders: the element in programs in C and in Python, the library, both as they
# are installed.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/walks/walk.sh
. tests/walks/walk.sh

step "the packages are there" packages BUILD RUN DEMO TEST
step "it builds" build
step "programs in C and in Python have the element" page tutorial-nvr
step "the library and the header, installed, with pkg-config and CMake" tests/library/run.sh
step "the reference is made of what was built" tests/docs/run.sh
arrive nvr
