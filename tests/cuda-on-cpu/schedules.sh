#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a program in 16 schedules of the emulated GPU, which has 1, 3 or 40 multiprocessors: it must
# pass in each, and download the same bytes. TAP.
#   schedules.sh PROGRAM [ARGS]
set -u
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

processors=(1 3 40)
# Two at a time.
for seed in $(seq 1 16); do
  {
    COW_CUDA_DIGEST=1 COW_CUDA_SEED=$seed COW_CUDA_PROCESSORS=${processors[seed % 3]} \
      "$@" >"$logs/$seed" 2>&1
    echo $? >"$logs/$seed.status"
  } &
  [ $((seed % 2)) = 1 ] || wait
done

first=
for seed in $(seq 1 16); do
  log=$logs/$seed
  status=$(cat "$log.status")
  digest=$(sed -n 's/^cuda-on-cpu: \(.* downloads, digest .*\)/\1/p' "$log")
  first=${first:-$digest}
  if [ "$status" = 0 ] && [ -n "$digest" ] && [ "$digest" = "$first" ]; then
    echo "ok $seed - schedule $seed: $digest"
  else
    echo "not ok $seed - schedule $seed: status $status, ${digest:-no downloads}"
    grep '^cuda-on-cpu: \|^not ok' "$log" | head -n 8 | sed 's/^/# /'
  fi
done
echo 1..16
