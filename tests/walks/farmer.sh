#!/bin/bash
# SPDX-License-Identifier: MIT
# A farmer with a small computer: the one command, then a camera whose labels Home Assistant shows.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/walks/walk.sh
. tests/walks/walk.sh

quickstart () { OUTPUT_DIR=$(mktemp -d) pipelines/quickstart.sh; }

step "the quick start, from nothing" quickstart
step "a broker is there" packages TEST
step "a camera's labels arrive at Home Assistant's topics" page tutorial-barn
arrive farmer
