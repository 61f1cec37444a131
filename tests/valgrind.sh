#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs tests of model/ and of augmentation under valgrind, in the ordinary test build: those that do
# not choose kernels themselves, as golden does. It takes minutes.
#   tests/valgrind.sh [NAME...]     these tests or suites instead
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/lib/packages.sh
. "$here/../pipelines/lib/packages.sh"
cow_install_packages VALGRIND || exit 1
# Plain C kernels, because oneDNN's generated code reads past its own scratch memory on purpose and
# has no symbols that would distinguish this from a fault of ours, and because valgrind 3.19 (Debian
# 12) lacks AVX-512. tests/sanitize.sh covers the faster levels.
export COWBEHAVIOR_CPU=c OMP_NUM_THREADS=1
export G_SLICE=always-malloc G_DEBUG=gc-friendly
# smc-check: Orc, which libvips convolves with, puts new code where its old code was, in a file that
# is mapped; valgrind would go on with the old.
TEST_WRAPPER="valgrind --quiet --smc-check=all --error-exitcode=99 --leak-check=full"
TEST_WRAPPER+=" --errors-for-leak-kinds=definite"
for file in "$here/sanitizers/valgrind.supp" /usr/share/glib-2.0/valgrind/glib.supp; do
  [ ! -f "$file" ] || TEST_WRAPPER+=" --suppressions=$file"
done
export TEST_WRAPPER MESON_TEST_ARGS="--timeout-multiplier 60"
[ $# -gt 0 ] || set -- files torchfile checkpoint config nf4 adapter preprocess engine formula \
  trainer-augment
exec "$here/run.sh" "$@"
