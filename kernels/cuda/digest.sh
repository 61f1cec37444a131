#!/bin/sh
# SPDX-License-Identifier: MIT
# digest.sh ROOT OUTPUT DEPENDENCIES: writes a header with a digest of the kernels' sources and of
# what they share with the code that launches them.
set -eu
root=$1 output=$2 dependencies=$3
export LC_ALL=C
files=$(cd "$root" && echo kernels/*.h kernels/cuda/*.h kernels/cuda/*.cu)
# shellcheck disable=SC2086  # many names
digest=$(cd "$root" && cat $files | sha256sum | cut -c 1-16)
echo "#define CK_CUDA_IMAGES_DIGEST \"$digest\"" >"$output"
{
  printf '%s:' "$output"
  for file in $files; do
    printf ' %s/%s' "$root" "$file"
  done
  echo
} >"$dependencies"
