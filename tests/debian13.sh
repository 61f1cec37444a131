#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the tests on Debian 13, whose GStreamer 1.26 has GstAnalytics and onnxinference, in a folder
# of this machine. It is started by hand, as root.
#
#   tests/debian13.sh FOLDER              all; FOLDER gets a Debian of 4 GB, made once and kept
#   tests/debian13.sh FOLDER NAME...      tests, suites or script suites, as in tests/run.sh
#
# Packages come from apt's mirror of Debian on this machine, or from COW_DEBIAN_MIRROR. Nothing
# stays mounted. debian13.md has the results.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

give_up () {
  echo "tests/debian13.sh: $1" >&2
  exit 1
}

mirror () {
  if [ -n "${COW_DEBIAN_MIRROR:-}" ]; then
    echo "$COW_DEBIAN_MIRROR"
  else
    # shellcheck disable=SC2016  # apt fills it in
    apt-get indextargets --format '$(REPO_URI)' \
      'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
  fi
}

make_debian () {
  local from
  from=$(mirror)
  [ -n "$from" ] || give_up "apt here fetches no Debian; COW_DEBIAN_MIRROR names a mirror of it"
  # The folder gets its name last, because an interrupted one would be taken for a Debian.
  debootstrap --variant=minbase trixie "$root.part" "$from" ||
    give_up "debootstrap failed; $root.part can be deleted"
  mv "$root.part" "$root"
}

# Copies the tree without what git ignores. The last build stays, so all files get a new time: a
# file may be older than that build and still differ from the one that it was made from.
copy_tree () {
  mkdir -p "$root/cowbehavior"
  find "$root/cowbehavior" -mindepth 1 -maxdepth 1 ! -name build-tests -exec rm -rf {} +
  git ls-files -z --cached --others --exclude-standard |
    tar --null --files-from=- --ignore-failed-read --create |
    tar --extract --touch --no-same-owner --directory "$root/cowbehavior"
}

# Runs a command in namespaces of its own, whose mounts and processes end with it.
inside () {
  # shellcheck disable=SC2016  # the inner shell fills it in
  unshare --mount --pid --fork bash -c '
    mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
    exec chroot "$0" "$@"' "$root" "$@"
}

[ "$#" -ge 1 ] || give_up "a folder for the Debian is missing, such as /var/tmp/debian13"
[ "$(id -u)" = 0 ] || give_up "only root can make a Debian and go into it"
command -v debootstrap >/dev/null || give_up "debootstrap is missing: apt-get install debootstrap"
root=$(realpath -m "$1")
shift
[ -d "$root" ] || make_debian
[ -x "$root/usr/bin/apt-get" ] || give_up "$root is not a Debian"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
copy_tree || give_up "the tree cannot be copied"
# shellcheck disable=SC2016
inside bash -c '
  cd /cowbehavior || exit 1
  . pipelines/lib/packages.sh
  cow_install_packages BUILD RUN TEST || exit 1
  . /etc/os-release
  echo "$PRETTY_NAME, $(gst-launch-1.0 --version | sed -n 2p)," \
    "$(sed -n "s/^model name[^:]*: //p" /proc/cpuinfo | head -n 1)"
  exec tests/run.sh "$@"' inside "$@"
