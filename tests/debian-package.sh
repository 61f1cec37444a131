#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the Debian packages from a copy of this tree, looks at them, and installs them in a copy of
# the system that is thrown away.
#
#   tests/debian-package.sh [OUTPUT]   (debian-package-output)
#
# It needs debhelper and, where it is root, installs the packages: first the plain one alone, then
# kernels for GPUs beside it. lintian is run if it is there. DEB_BUILD_PROFILES and
# GPU_ARCHITECTURES are debian/rules'.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=$(realpath -m "${1:-debian-package-output}")
mkdir -p "$output"
output=$(realpath "$output")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail () {
  echo "FAILED: $1"
  exit 1
}

# nvcc may come from elsewhere than Debian's package, so packages that lack are only told of.
build () {
  mkdir "$work/tree"
  git ls-files -z | xargs -0 cp --parents -t "$work/tree"
  (
    cd "$work/tree"
    dpkg-checkbuilddeps || true
    dpkg-buildpackage -b -d -us -uc
  ) >"$output/build.log" 2>&1 || fail "the build: $output/build.log"
  cp "$work"/*.deb "$output/"
}

# What each package has and needs.
look () {
  local package
  for package in "$output"/*.deb; do
    echo "## $(basename "$package"), $(($(stat -c %s "$package") / 1024)) KiB"
    dpkg-deb -f "$package" Depends
    dpkg-deb -c "$package" | awk '$1 !~ /^d/ { print $3, $6 }' | sed 's/^/    /'
  done
  for package in "$output"/*.deb; do
    ! dpkg-deb -f "$package" Depends | grep -qE 'libcuda|libcublas|libcudart' ||
      fail "$package needs CUDA"
  done
  ! command -v lintian >/dev/null || lintian --tag-display-limit 0 "$output"/*.deb |
    tee "$output/lintian.txt"
}

# Runs in a name space of its own, on a system whose changes are kept in memory.
try_install () {
  local root=$work/system deb
  mkdir -p "$work/changes" "$root"
  mount -t tmpfs tmpfs "$work/changes"
  mkdir "$work/changes/upper" "$work/changes/work"
  mount -t overlay overlay \
    -o "lowerdir=/,upperdir=$work/changes/upper,workdir=$work/changes/work" "$root"
  mount --bind "$output" "$root/mnt"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  if [ -e "$driver" ]; then
    mkdir "$root/opt/driver"
    cp "$driver" "$root/opt/driver/libcuda.so.1"
  fi
  for deb in cowbehavior cowbehavior-cuda; do
    echo "## With $deb"
    [ -n "$(find "$output" -name "${deb}_*.deb")" ] || { echo "was not built"; continue; }
    chroot "$root" sh -c "dpkg -i /mnt/${deb}_*.deb" >>"$output/install.log" 2>&1 ||
      fail "dpkg -i: $output/install.log"
    chroot "$root" env -i PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C.UTF-8 bash -c '
      set -o pipefail
      cow-trainer info --device cpu 2>&1 | head -n 3
      cow-trainer info --device cuda 2>&1
      [ ! -d /opt/driver ] || LD_LIBRARY_PATH=/opt/driver cow-trainer info --device cuda 2>&1
      gst-launch-1.0 -q videotestsrc num-buffers=3 ! video/x-raw,width=224,height=224 ! \
        videoconvert ! cowbehavior mode=blocking ! fakesink 2>&1 | tail -n 3
      echo "a pipeline ended with $?"' || true
  done
}

build
look
if [ "$(id -u)" = 0 ]; then
  export -f try_install fail
  # The emulated GPU stands in for a driver, where tests were built.
  driver=$(realpath -m "${BUILD_DIR:-build-tests}/tests/cuda-on-cpu/libcuda-on-cpu.so")
  export work output driver
  unshare --mount --propagation private bash -euc try_install
fi
