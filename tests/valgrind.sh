#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of kernels, model files and the demonstration models under valgrind, in the ordinary test build. Slow: minutes.
#   tests/valgrind.sh [NAME...]     these tests or suites instead of kernels and model
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/lib/packages.sh
. "$here/../pipelines/lib/packages.sh"
cow_install_packages VALGRIND || exit 1
# Valgrind 3.19 (Debian 12) knows no AVX-512; oneDNN chooses its own code, so it is told too.
export COWBEHAVIOR_CPU=avx2 DNNL_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1
export G_SLICE=always-malloc G_DEBUG=gc-friendly
TEST_WRAPPER="valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
for file in "$here/sanitizers/valgrind.supp" /usr/share/glib-2.0/valgrind/glib.supp; do
  [ ! -f "$file" ] || TEST_WRAPPER+=" --suppressions=$file"
done
export TEST_WRAPPER MESON_TEST_ARGS="--timeout-multiplier 60"
[ $# -gt 0 ] || set -- kernels model
exec "$here/run.sh" "$@"
