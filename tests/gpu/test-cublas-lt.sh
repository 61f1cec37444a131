#!/bin/sh
# SPDX-License-Identifier: MIT
# test-cublas-lt.sh BENCH_GPU: the baseline of linear layers, on an emulated GPU with a cuBLASLt of
# tests/cuda-on-cpu. bench-gpu itself compares the numbers. TAP.
set -u
bench=$1
number=0

point () {
  number=$((number + 1))
  if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# What a run says.
linear () {
  "$bench" linear cuda-emulated "$@" 0 "$bench" 2>&1
}

for shape in '48 64 19' '72 68 203'; do
  for precision in int8 bf16 fp32; do
    # shellcheck disable=SC2086
    said=$(linear $shape "$precision")
    echo "# $said"
    echo "$said" | grep -q '"cublaslt_ms": .*"cublaslt_same_bits": true'
    point $? "$shape $precision"
  done
done
COWBEHAVIOR_CUBLASLT=nowhere.so linear 48 64 19 int8 | grep -q '"cublaslt": ".*nowhere.so'
point $? "without cuBLASLt it is said why"
COW_CUDA_FAIL=cublasLtMatmul=1:719 linear 48 64 19 int8 | grep -q 'cublasLtMatmul failed'
point $? "a failure of cuBLASLt is told"
echo "1..$number"
