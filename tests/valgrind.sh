#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of model/ that choose no kernels themselves (as golden does) under valgrind, in the ordinary test build. Slow: minutes.
#   tests/valgrind.sh [NAME...]     these tests or suites instead
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/lib/packages.sh
. "$here/../pipelines/lib/packages.sh"
cow_install_packages VALGRIND || exit 1
# Plain C kernels. Faster levels convolve by oneDNN, whose generated code reads past its own scratch memory on purpose and has no symbols by
# which that could be told from a fault of ours: tests/sanitize.sh is for them. Nor has valgrind 3.19 (Debian 12) AVX-512.
export COWBEHAVIOR_CPU=c OMP_NUM_THREADS=1
export G_SLICE=always-malloc G_DEBUG=gc-friendly
TEST_WRAPPER="valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
for file in "$here/sanitizers/valgrind.supp" /usr/share/glib-2.0/valgrind/glib.supp; do
  [ ! -f "$file" ] || TEST_WRAPPER+=" --suppressions=$file"
done
export TEST_WRAPPER MESON_TEST_ARGS="--timeout-multiplier 60"
[ $# -gt 0 ] || set -- files torchfile checkpoint config nf4 adapter preprocess engine formula
exec "$here/run.sh" "$@"
