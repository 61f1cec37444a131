#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317  # try runs the functions by name
# Builds the container of the Containerfile with buildah, and tries what is in it. It is started by
# hand, as root.
#
#   tests/container.sh FOLDER      FOLDER gets the images (6 GB) and a Debian, made once and kept
#
# The base comes from debootstrap and not from a registry, under the name that the Containerfile
# has. Packages come from apt's mirror of Debian on this machine, or from COW_DEBIAN_MIRROR.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

give_up () {
  echo "tests/container.sh: $1" >&2
  exit 1
}
[ "$#" = 1 ] || give_up "a folder for the images is missing, such as /var/tmp/container"
[ "$(id -u)" = 0 ] || give_up "only root can make a Debian and go into it"
for program in buildah debootstrap; do
  command -v "$program" >/dev/null || give_up "$program is missing: apt-get install $program"
done
folder=$(realpath -m "$1")
base=$folder/debian
mkdir -p "$folder"

# No daemon, no user namespaces and no overlay are needed so.
b () { buildah --storage-driver vfs --root "$folder/images" --runroot "$folder/run" "$@"; }

mirror () {
  # shellcheck disable=SC2016  # apt fills it in
  echo "${COW_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)}"
}

# The base has apt's settings of this machine, by which it reaches its mirror.
make_base () {
  local container
  if [ ! -d "$base" ]; then
    debootstrap --variant=minbase bookworm "$base.part" "$(mirror)" || return 1
    cp -a /etc/apt/apt.conf.d/. "$base.part/etc/apt/apt.conf.d/"
    mv "$base.part" "$base"
  fi
  container=$(b from scratch) || return 1
  b add --quiet "$container" "$base" / >/dev/null &&
    b commit --quiet "$container" localhost/debian:12-slim >/dev/null &&
    b rm "$container" >/dev/null
}

# inside COMMAND...: as `podman run` would, through the entry point.
inside () {
  b run --isolation chroot "$container" /opt/cowbehavior/pipelines/lib/container.sh "$@"
}
helps () { inside | grep -q 'cow-trainer --help'; }
plays () {
  inside gst-launch-1.0 -m videotestsrc num-buffers=2 ! video/x-raw,width=96,height=64 ! \
    cowbehavior ! fakesink | grep -c 'cowbehavior, ' | grep -q -x 2
}
try () {
  local label=$1
  shift
  if "$@" >/dev/null; then echo "ok $label"; else echo "FAILED $label"; failed=1; fi
}

b inspect --type image localhost/debian:12-slim >/dev/null 2>&1 || make_base ||
  give_up "no base: $folder"
b bud --layers --isolation chroot --tag cowbehavior --file Containerfile . ||
  give_up "the build failed"
container=$(b from --pull-never localhost/cowbehavior) || give_up "no container"
failed=0
try "it says what it can do" helps
try "it runs as a user" [ "$(inside id -un)" = cow ]
try "cow-trainer runs" inside cow-trainer info drawn-cows
try "the element is known" inside gst-inspect-1.0 cowbehavior
try "a pipeline labels frames" plays
try "cow-pipeline runs" inside cow-pipeline --help
b rm "$container" >/dev/null
b images
exit "$failed"
