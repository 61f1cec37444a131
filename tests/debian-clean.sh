#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the Debian packages in a clean Debian, installs them by apt in another one, plays the
# README's pipelines there, and removes the packages again. It is started by hand, as root.
#
#   tests/debian-clean.sh FOLDER [RELEASE...]     (bookworm trixie)
#
# FOLDER gets a minimal Debian of each release, made once and kept, the packages in RELEASE-packages
# and the output of each step in RELEASE-STEP.log. Packages are built without CUDA, as Debian's main
# has no nvcc. They come from apt's mirror of Debian on this machine, or from COW_DEBIAN_MIRROR.
# debian-package.md has the results.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

give_up () {
  echo "tests/debian-clean.sh: $1" >&2
  exit 1
}
[ "$#" -ge 1 ] || give_up "a folder for the Debians is missing, such as /var/tmp/debian"
[ "$(id -u)" = 0 ] || give_up "only root can make a Debian and go into it"
command -v debootstrap >/dev/null || give_up "debootstrap is missing: apt-get install debootstrap"
folder=$(realpath -m "$1")
shift
[ "$#" -gt 0 ] || set -- bookworm trixie

# shellcheck disable=SC2016  # apt fills it in
mirror=${COW_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)}
[ -n "$mirror" ] || give_up "apt here fetches no Debian; COW_DEBIAN_MIRROR names a mirror of it"

# The base has apt's settings of this machine, by which it reaches its mirror; where a package
# brings a file of that name nobody is there to be asked. It gets its name last, because an
# interrupted one would be taken for a Debian.
make_base () {
  local base=$folder/$1
  [ ! -d "$base" ] || return 0
  debootstrap --variant=minbase "$1" "$base.part" "$mirror" &&
    cp -a /etc/apt/apt.conf.d/. "$base.part/etc/apt/apt.conf.d/" &&
    echo 'Dpkg::Options { "--force-confold"; };' >"$base.part/etc/apt/apt.conf.d/00keep" &&
    mv "$base.part" "$base"
}

# inside BASE COMMAND: runs it in a copy of the base that is thrown away, in namespaces of its own,
# whose mounts and processes end with it. The packages are at /packages, the sources at /tree.
inside () {
  local base=$1 changes
  changes=$(mktemp -d "$folder/changes.XXXXXX")
  mkdir "$changes/upper" "$changes/work" "$changes/root"
  # shellcheck disable=SC2016  # the inner shell fills it in
  unshare --mount --pid --fork bash -c '
    base=$0 changes=$1 packages=$2 tree=$3
    root=$changes/root
    mount -t overlay overlay -o \
      "lowerdir=$base,upperdir=$changes/upper,workdir=$changes/work" "$root" || exit 1
    mkdir -p "$root/packages" "$root/tree"
    mount --bind "$packages" "$root/packages" && mount --bind "$tree" "$root/tree" &&
      mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 1
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive bash -euo pipefail -c "$4"
    ' "$base" "$changes" "$packages" "$tree" "$2"
  local status=$?
  rm -rf "$changes"
  return "$status"
}

# Copies the tree without what git ignores, as dpkg-buildpackage writes into it.
copy_tree () {
  rm -rf "$tree" "$packages"
  mkdir -p "$tree" "$packages"
  git ls-files -z --cached --others --exclude-standard |
    tar --null --files-from=- --ignore-failed-read --create |
    tar --extract --no-same-owner --directory "$tree"
}

# shellcheck disable=SC2016  # the shell inside fills it in
build='
  apt-get update
  apt-get install --yes --no-install-recommends build-essential lintian
  apt-get build-dep --yes --no-install-recommends -P pkg.cowbehavior.nocuda /tree
  mkdir -p /build/tree
  cp -a /tree/. /build/tree
  cd /build/tree
  dpkg-buildpackage -b -us -uc -Ppkg.cowbehavior.nocuda
  cp ../*.deb /packages
  lintian --fail-on error --tag-display-limit 0 ../*.deb'

# What of the packages, or with their name, is left after their removal is an error. What their
# dependencies leave is printed.
# shellcheck disable=SC2016
install='
  everything () {
    find / -xdev \( -path /proc -o -path /dev -o -path /tree -o -path /packages -o -path /tmp \
      -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/log -o -path /var/cache \
      \) -prune -o -print | sort
  }
  apt-get update
  everything >/tmp/before
  apt-get install --yes /packages/*.deb
  dpkg --listfiles $(cd /packages && ls *.deb | cut -d _ -f 1) | sort -u >/tmp/ours
  mkdir /tmp/barn
  cd /tmp/barn
  gst-launch-1.0 -q videotestsrc num-buffers=60 ! video/x-raw,width=640,height=360 ! x264enc ! \
    mp4mux ! filesink location=barn.mp4
  cow-trainer info drawn-cows
  gst-launch-1.0 filesrc location=barn.mp4 ! decodebin ! videoconvert ! \
    cowbehavior inference-interval=5 ! \
    cowpublish file=events.csv post-events=classified ! fakesink
  head -n 3 events.csv
  [ "$(wc -l <events.csv)" -ge 13 ]
  cow-pipeline barn.mp4 --mp4 labelled.mp4
  gst-launch-1.0 -q filesrc location=labelled.mp4 ! decodebin ! fakesink
  ls /usr/share/man/man1/cow-trainer.1.gz /usr/share/man/man1/cow-pipeline.1.gz
  printf "%s\n" "#include <cowbehavior/cowbehavior.h>" \
    "int main (void) { return !cow_behavior_version (); }" >program.c
  apt-get install --yes --no-install-recommends gcc libc6-dev pkgconf
  gcc program.c -o program $(pkg-config --cflags --libs cowbehavior)
  ./program
  apt-mark auto gcc libc6-dev pkgconf
  echo "## removal"
  apt-get purge --yes $(cd /packages && ls *.deb | cut -d _ -f 1)
  left=$(while read -r path; do [ -d "$path" ] || [ ! -e "$path" ] || echo "$path"; done </tmp/ours
    everything | grep -E "/(lib)?(gst)?cow" || true)
  [ -z "$left" ] || { echo "left over: $left"; exit 1; }
  apt-get autoremove --purge --yes
  everything >/tmp/after
  echo "## left by packages that ours recommend, and theirs"
  comm -13 /tmp/before /tmp/after'

failed=0
step () {
  local log=$folder/$1-$2.log start=$SECONDS
  if inside "$folder/$1" "$3" >"$log" 2>&1; then
    echo "ok $1: $2 ($((SECONDS - start)) s)"
  else
    echo "FAILED $1: $2: $log"
    failed=1
    return 1
  fi
}

mkdir -p "$folder"
for release; do
  log=$folder/$release-base.log
  make_base "$release" >"$log" 2>&1 || give_up "no base: $log"
  tree=$folder/$release-tree packages=$folder/$release-packages
  copy_tree || give_up "the tree cannot be copied"
  step "$release" build "$build" && step "$release" install "$install"
done
exit "$failed"
