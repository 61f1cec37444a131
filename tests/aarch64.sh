#!/bin/bash
# SPDX-License-Identifier: MIT
# Cross-builds everything for aarch64 and runs tests of it in qemu's emulation of such processors,
# on Debian for x86-64. It says nothing about speed.
#
#   tests/aarch64.sh            which levels processors have, some tests of kernels/ on older ones,
#                               and all on one with every set of instructions
#   tests/aarch64.sh NAME...    these tests or suites instead, on the latter: model, ...
#
# Programs that start others cannot run so, unless the system knows how to start programs for
# aarch64 (binfmt_misc); most of the suite trainer does. aarch64.md has the results.
#
# Environment:
#   BUILD_DIR         build folder (build-aarch64); also gets the libraries, 1.3 GB of Debian
#   COW_NO_INSTALL    not empty: install nothing
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build-aarch64}")
export BUILD_DIR COW_EMULATED=yes
debian=$BUILD_DIR/debian
# shellcheck source=pipelines/lib/packages.sh
. pipelines/lib/packages.sh

give_up () {
  echo "tests/aarch64.sh: $1" >&2
  exit 1
}

# apt with lists, cache and architecture of its own, so that nothing of this system changes.
foreign_apt () {
  local program=$1
  shift
  "$program" -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
    -o Dir::State="$debian.part/apt" -o Dir::State::status="$debian.part/apt/status" \
    -o Dir::Cache="$debian.part/apt" "$@" </dev/null
}

# The libraries that the build needs, and all that these need, unpacked into a folder. Nothing of
# them is set up.
make_debian () {
  local package packages=() archive
  for package in "${COW_PACKAGES_BUILD[@]}" "${COW_PACKAGES_DEMO[@]}" "${COW_PACKAGES_TEST[@]}"; do
    [[ $package != *-dev ]] || packages+=("$package")
  done
  rm -rf "$debian.part"
  mkdir -p "$debian.part"/{apt/{lists,archives}/partial,usr/{bin,lib,sbin}} || return 1
  touch "$debian.part/apt/status"
  foreign_apt apt-get update &&
    foreign_apt apt-get -y --no-install-recommends --download-only install "${packages[@]}" ||
    return 1
  for package in bin lib sbin; do
    ln -s "usr/$package" "$debian.part/$package"
  done
  for archive in "$debian.part"/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" |
      tar --extract --keep-directory-symlink --exclude=./usr/share/{doc,locale,man} \
        --directory "$debian.part" || return 1
  done
  rm -rf "$debian.part/apt"
  # The folder gets its name last, because an interrupted one would be taken for a Debian.
  mv "$debian.part" "$debian"
}

set_up () {
  [ ! -f "$BUILD_DIR/build.ninja" ] || return 0
  # meson would take the remains of an interrupted set-up for a build.
  rm -rf "$BUILD_DIR/meson-private"
  cat >"$BUILD_DIR/aarch64.ini" <<END
[constants]
debian = '$debian'
[binaries]
c = ['aarch64-linux-gnu-gcc', '--sysroot=' + debian]
ar = 'aarch64-linux-gnu-gcc-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', debian]
[properties]
needs_exe_wrapper = true
sys_root = debian
pkg_config_libdir =
  debian + '/usr/lib/aarch64-linux-gnu/pkgconfig:' + debian + '/usr/share/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
  meson setup "$BUILD_DIR" --cross-file "$BUILD_DIR/aarch64.ini" -Dtests=true -Dwerror=true \
    -Dcuda=disabled
}

# Runs tests on the processor with every set of instructions; the last line counts.
run () {
  echo "== max: $*"
  QEMU_CPU=max COW_NO_INSTALL=yes MESON_TEST_ARGS="--timeout-multiplier 30" tests/run.sh "$@" ||
    failed=yes
}

# Runs a program of tests/kernels on a processor, at one level if it is named.
run_program () {
  local log=$BUILD_DIR/$2-$1.log status
  QEMU_CPU=$1 qemu-aarch64 -L "$debian" "$BUILD_DIR/tests/kernels/$2" "${@:3}" >"$log" 2>&1
  status=$?
  grep -v -e '^ok ' -e '^1\.\.' "$log"
  echo "$1: ${*:2}: $(grep -c '^ok ' "$log") passed, $(grep -c '^not ok ' "$log") failed"
  [ "$status" = 0 ] || failed=yes
}

# A processor has these levels and no others.
expect_levels () {
  local found
  run_program "$1" check-quantised
  found=$(sed -n 's/^ok .* - quantise-int16.//p' "$BUILD_DIR/check-quantised-$1.log" |
    paste -sd ' ' -)
  echo "$1 has the levels $found"
  [ "$found" = "$2" ] || { echo "and not $2" && failed=yes; }
}

cow_install_packages AARCH64 || give_up "packages are missing"
[ -d "$debian" ] || make_debian || give_up "the libraries for aarch64 cannot be had"
{ set_up && ninja -C "$BUILD_DIR"; } || give_up "the build failed"
echo "$(qemu-aarch64 --version | head -n 1), $(aarch64-linux-gnu-gcc --version | head -n 1)," \
  "on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"

failed=
if [ "$#" -gt 0 ]; then
  run "$@"
else
  expect_levels cortex-a72 "c neon"
  expect_levels cortex-a76 "c neon neon-dotprod"
  expect_levels max "c neon neon-dotprod neon-i8mm"
  run_program cortex-a72 check-kernels neon
  run_program cortex-a76 check-kernels neon-dotprod
  run kernels
fi
[ -z "$failed" ]
