#!/bin/bash
# SPDX-License-Identifier: MIT
# A dairy researcher, who has recordings and perhaps a notebook: from a fresh machine to an adapter,
# its evaluation, and what the cows of a recording did.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/walks/walk.sh
. tests/walks/walk.sh

annotate () {
  local work status
  work=$(mktemp -d)
  "$BUILD_DIR/pipelines/demo/cow-render-barn" video "$work/barn.mp4" --seconds 20 &&
    GST_PLUGIN_PATH=$BUILD_DIR/gst-plugin COWBEHAVIOR_PATH=$PWD/pipelines/demo/model \
      "$BUILD_DIR/trainer/cow-trainer" annotate "$work/barn.mp4" --out "$work/cows" \
      --zones 'beds=0,0.2,0.3,0.4; trough=0.3,0.2,0.3,0.4' --start-time 2026-11-29T06:00:00 &&
    grep -q beds "$work/cows/budget.csv" && [ -s "$work/cows/bouts.boris" ]
  status=$?
  rm -rf "$work"
  return "$status"
}

step "the packages are there" packages BUILD RUN DEMO TEST
step "it builds" build
step "a recording becomes pictures, labels, an adapter" page tutorial-barn
step "what a notebook trained is used" page tutorial-peft
step "README's first training, and a model from timm" tests/readme/run.sh
step "a recording becomes a time budget, and a project of BORIS" annotate
arrive researcher
