# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Points of TAP, as scripts print them. Who sources this has a folder $work, prints 1..$number at
# its end, and returns $failed.
number=0 failed=0

# point LABEL COMMAND...: what the command printed is shown where it fails.
point () {
  local label=$1
  shift
  number=$((number + 1))
  if "$@" >"$work/output" 2>&1; then
    echo "ok $number $label"
  else
    echo "not ok $number $label"
    sed 's/^/# /' "$work/output"
    failed=1
  fi
}

# skip LABEL REASON
skip () {
  number=$((number + 1))
  echo "ok $number $1 # SKIP $2"
}
