#!/bin/bash
# SPDX-License-Identifier: MIT
# Whether each file of C, C++ and CUDA is as clang-format leaves it. Another version of clang-format
# leaves other files, so it is Debian 12's. Speaks TAP.
#   tests/format/run.sh           says what differs
#   tests/format/run.sh --fix     changes it
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
version=14
format=$(command -v "clang-format-$version" || command -v clang-format)
case $("${format:-false}" --version) in
  *" version $version."*) ;;
  *)
    echo "clang-format $version is not installed"
    exit 77
    ;;
esac

mapfile -t files < <(find gst-plugin kernels model pipelines tests trainer -type f \
  \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | sort)
if [ "${1:-}" = --fix ]; then
  exec "$format" -i "${files[@]}"
fi
# It goes on behind a file that differs, and says each place.
mapfile -t wrong < <("$format" --dry-run -Werror "${files[@]}" 2>&1 |
  grep -E '^[^ ]+:[0-9]+:[0-9]+: error' | cut -d: -f1 | uniq)
for file in "${wrong[@]}"; do
  echo "not ok - $file is not as clang-format leaves it; tests/format/run.sh --fix"
done
if [ "${#wrong[@]}" = 0 ]; then
  # A finder that finds nothing would pass.
  if [ "${#files[@]}" -lt 100 ]; then
    echo "not ok - there are only ${#files[@]} files"
  else
    echo "ok - ${#files[@]} files"
  fi
fi
echo 1..$((${#wrong[@]} > 0 ? ${#wrong[@]} : 1))
[ "${#wrong[@]}" = 0 ] && [ "${#files[@]}" -ge 100 ]
