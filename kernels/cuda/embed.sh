#!/bin/sh
# SPDX-License-Identifier: MIT
# embed.sh VERSION OUTPUT IMAGE...: writes a C file that holds images made by nvcc of this version.
set -eu
version=$1 output=$2
shift 2
{
  echo '#include "kernels/cuda/images.h"'
  n=0
  for image; do
    cat <<END
__asm__ (".pushsection .rodata, \"a\"\n.balign 64\n.globl ck_cuda_image_$n\n"
         ".hidden ck_cuda_image_$n\nck_cuda_image_$n:\n.incbin \"$image\"\n.popsection");
extern const char ck_cuda_image_$n[];
END
    n=$((n + 1))
  done
  echo 'const CkCudaImage ck_cuda_images[] = {'
  n=0
  for image; do
    name=${image##*/}
    echo "  { \"${name%.fatbin}\", ck_cuda_image_$n },"
    n=$((n + 1))
  done
  echo '};'
  echo "const int ck_cuda_n_images = $n;"
  major=${version%%.*} minor=${version#*.}
  echo "const int ck_cuda_images_version = $((major * 1000 + ${minor%%.*} * 10));"
} >"$output"
