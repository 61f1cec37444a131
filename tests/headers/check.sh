#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks that every header compiles alone, which means that it includes what it uses. Headers of
# kernels/ and model/ and the installed one of the plugin compile as C11 and as C++, for
# applications in either language; the plugin's others as C11. Speaks TAP.
#   check.sh SOURCE_ROOT CC [CC_ARGS]
set -u
cd "$1" || exit 1
shift
read -ra flags < <(pkg-config --cflags json-glib-1.0 gstreamer-video-1.0 pangocairo)
number=0

# check LABEL COMPILER ARGS... (the program is on stdin)
check () {
  local label=$1 output
  shift
  number=$((number + 1))
  if output=$("$@" -fsyntax-only -Wall -Wextra -Wno-unused-parameter -Wno-pedantic -Werror -I. \
    "${flags[@]}" - 2>&1); then
    echo "ok $number $label"
  else
    echo "not ok $number $label"
    echo "${output//$'\n'/$'\n'# }" | sed '1s/^/# /'
  fi
}

for header in kernels/*.h $(find model gst-plugin -name "*.h" | LC_ALL=C sort); do
  check "$header as C11" "$@" -std=c11 -x c <<<"#include \"$header\""
  case $header in
    gst-plugin/common/gstcowbehaviormeta.h) ;;
    gst-plugin/*) continue ;;
  esac
  if command -v c++ >/dev/null; then
    check "$header as C++" c++ -std=c++17 -x c++ <<<"#include \"$header\""
  else
    number=$((number + 1))
    echo "ok $number $header as C++ # SKIP no C++ compiler"
  fi
done
echo "1..$number"
