#!/bin/bash
# SPDX-License-Identifier: MIT
# Types the tutorials of docs/ from their first block to their last, on shorter recordings. Speaks
# TAP.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
# shellcheck source=tests/report/points.sh
. tests/report/points.sh
trap 'rm -rf "$work"' EXIT
work=$(mktemp -d)

# page NAME PROGRAMS VALUES...: a page whose programs are there.
page () {
  local name=$1 program
  for program in $2; do
    if ! command -v "$program" >/dev/null; then
      skip "docs/$name.md" "no $program"
      return
    fi
  done
  shift 2
  # Its points are counted on from here.
  python3 tests/tutorials/type_page.py "$build" "docs/$name.md" "$@" >"$work/points" || failed=1
  sed "s,^\(ok\|not ok\) [0-9]* ,\1 ," "$work/points" | grep -v '^1\.\.' >"$work/unnumbered"
  awk -v n="$number" '/^(not )?ok / { sub (/ok /, "ok " ++n " ") } { print }' "$work/unnumbered"
  number=$((number + $(grep -c -E '^(not )?ok ' "$work/unnumbered")))
}

page tutorial-peft 'gst-launch-1.0'
page tutorial-nvr 'cc cmake pkg-config'
if "$build/trainer/cow-trainer" --complete | grep -q '^crop'; then
  page tutorial-barn 'mosquitto mosquitto_sub' SECONDS_OF_VIDEO=20 EPOCHS=10 \
    SECONDS_TO_WATCH=30
else
  skip docs/tutorial-barn.md "this cow-trainer has no verb crop"
fi
echo "1..$number"
exit $failed
