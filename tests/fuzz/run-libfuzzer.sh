#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the file readers with clang's libFuzzer, guided by coverage:
#
#   run-libfuzzer.sh [SECONDS [BUILD_FOLDER]]     SECONDS for each target, 60 by default
#
# Inputs that reach new code are kept in BUILD_FOLDER/corpus-*; a crash leaves crash-* there and
# fails.
set -eu

seconds=${1:-60}
tests=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$tests/../.." && pwd)
build=${2:-$root/build-fuzz}
libraries=$(pkg-config --cflags --libs json-glib-1.0 libsoup-3.0)
sources="error mapping file-writer foreign json-check json json-object printable tensor safetensors"
sources="$sources zipfile pickle torchfile vit-family tensor-names checkpoint-names"

mkdir -p "$build"
cd "$build"
echo '#define COW_VERSION "0"' >cow-build.h
paths="$root/kernels/device.c"
for source in $sources; do
  paths="$paths $root/model/files/$source.c"
done
for source in precision precision-figures precision-file; do
  paths="$paths $root/model/network/$source.c"
done
for source in data/csv data/text-file hub/http hub/hub hub/hub-list; do
  paths="$paths $root/trainer/$source.c"
done
for target in safetensors torchfile hub-listing json csv precision; do
  # Lists of files and of options are split into words on purpose.
  # shellcheck disable=SC2086
  clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    "-I$root" -I. $paths "$tests/fuzz-$target.c" $libraries -o "fuzz-$target"
  mkdir -p "corpus-$target"
  case $target in
  safetensors) cp "$tests"/seeds/*.safetensors "corpus-$target" ;;
  torchfile) cp "$tests"/seeds/*.pth "corpus-$target" ;;
  hub-listing) cp "$tests"/seeds/listing.json "corpus-$target" ;;
  json) cp "$tests"/seeds/*.json "corpus-$target" ;;
  precision) cp "$tests"/seeds/precision*.json "corpus-$target" ;;
  csv) cp "$tests"/seeds/*.csv "corpus-$target" ;;
  esac
  "./fuzz-$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 "corpus-$target"
done
