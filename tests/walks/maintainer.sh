#!/bin/bash
# SPDX-License-Identifier: MIT
# A maintainer: builds with tests, changes a kernel, and sees that it is still right.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BUILD_DIR=${BUILD_DIR:-build-tests}
# shellcheck source=tests/walks/walk.sh
. tests/walks/walk.sh

step "structure, layout and headers are right" tests/run.sh structure format headers
step "the kernels are right" tests/run.sh kernels
# The time of a file changes as by an edit.
step "a file of a kernel changes" touch kernels/cpu/norm.c
step "and the kernels are right again" tests/run.sh kernels
step "the pages are whole" tests/run.sh docs
arrive maintainer
