#!/bin/bash
# SPDX-License-Identifier: MIT
# Measures peak memory and pictures per second of each recipe on bases of several sizes, in a short
# run each, beside the numbers of `cow-trainer estimate`. Bases are made from the formula, in NF4;
# pictures are drawn, 224 x 224; batches of four as in the recipes. It is run by hand on an idle
# machine; recipes.md keeps results.
#
#   tests/bench/recipes.sh [BASE...]      vits16 vitb16 vitl16
#
# Environment: BUILD_DIR (build), PER_CLASS (8: drawn pictures of each class to train on; two more
# are for validation).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath "${BUILD_DIR:-build}")
trainer=$build/trainer/cow-trainer
per_class=${PER_CLASS:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- vits16 vitb16 vitl16
if [ ! -x /usr/bin/time ]; then
  echo "recipes.sh: no /usr/bin/time (Debian's package time)" >&2
  exit 1
fi

"$build/pipelines/demo/cow-render-barn" pictures "$work/train" --size 256 --seed 1 \
  --per-class "$per_class"
"$build/pipelines/demo/cow-render-barn" pictures "$work/val" --size 256 --seed 2 --per-class 2

# Prints a field of the one recipe in the estimate.
estimated () { sed -n "s/.*\"$1\" *: *\([0-9.e+]*\).*/\1/p" "$work/estimate" | head -n 1; }

# measure RECIPE NAME OPTIONS...
measure () {
  local recipe=$1 name=$2 kibibytes speed status=0
  shift 2
  rm -rf "$work/run"
  /usr/bin/time -f %M -o "$work/memory" "$trainer" train --recipe "$recipe" "$@" \
    --train "$work/train" --val "$work/val" --augment none --epochs 1 --cache "$work/features" \
    --out "$work/run" >"$work/log" 2>&1 || status=$?
  if [ "$status" != 0 ]; then
    printf '| %s | %s | failed: %s | | | |\n' "$recipe" "$name" "$(tail -n 1 "$work/log")"
    return
  fi
  kibibytes=$(tail -n 1 "$work/memory")
  speed=$(awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    END { print $at["pictures_per_second"] }' "$work/run/results.csv")
  "$trainer" estimate --recipe "$recipe" "$@" --train "$work/train" --val "$work/val" \
    --augment none --json >"$work/estimate" 2>/dev/null
  printf '| %s | %s | %d MB | %d MB | %.3g | %.3g |\n' \
    "$recipe" "$name" $((kibibytes * 1024 / 1000000)) \
    "$(awk "BEGIN { printf \"%d\", $(estimated memory_bytes) / 1e6 }")" "$speed" \
    "$(awk "BEGIN { print 1 / $(estimated train_picture_s) }")"
}

echo "$(date -u +%F), commit $(git rev-parse --short HEAD)," \
  "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"
echo
echo '| recipe | base | memory | estimated | pictures/s | estimated |'
echo '|---|---|---|---|---|---|'
for base; do
  "$build/pipelines/demo/cow-formula-model" "$base" "$work/$base" --nf4 2>/dev/null
  for recipe in {qlora,dora}-{q-r8,q-r16,all-r16,all-r64}; do
    measure "$recipe" "$base" --model "$work/$base"
  done
  rm -rf "${work:?}/$base"
done
for recipe in resnet18 vit-small; do
  measure "$recipe" none
done
