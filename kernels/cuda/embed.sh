#!/bin/sh
# SPDX-License-Identifier: MIT
# embed.sh VERSION OUTPUT IMAGE...: writes the C file of the module of images that nvcc of this
# version made (images.h).
set -eu
version=$1 output=$2
shift 2
{
  echo '#include "kernels/cuda/images-digest.h"'
  echo '#include "kernels/cuda/images.h"'
  n=0
  for image; do
    cat <<END
__asm__ (".pushsection .rodata, \"a\"\n.balign 64\n.globl ck_cuda_image_$n\n"
         ".hidden ck_cuda_image_$n\nck_cuda_image_$n:\n.incbin \"$image\"\n.popsection");
extern const char ck_cuda_image_${n}[] __attribute__ ((visibility ("hidden")));
END
    n=$((n + 1))
  done
  echo 'static const CkCudaImage images[] = {'
  n=0
  for image; do
    name=${image##*/}
    echo "  { \"${name%.fatbin}\", ck_cuda_image_$n },"
    n=$((n + 1))
  done
  echo '};'
  major=${version%%.*} minor=${version#*.}
  cat <<END
extern const CkCudaImages ck_cuda_images;
__attribute__ ((visibility ("default"))) const CkCudaImages ck_cuda_images = {
  CK_CUDA_IMAGES_DIGEST, $((major * 1000 + ${minor%%.*} * 10)), $n, images
};
END
} >"$output"
