# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Debian and Ubuntu packages that each purpose needs, and the function that installs those that
# are missing. pipelines/quickstart.sh and tests/run.sh source this file; it is never run.

# These are needed to compile everything that is installed. libffmpeg-nvenc-dev has NVIDIA's Video
# Codec headers, which describe what a GPU decodes; a build without them says so.
# shellcheck disable=SC2034  # the names are put together in cow_install_packages
COW_PACKAGES_BUILD=(
  gcc libc6-dev meson ninja-build pkgconf
  libglib2.0-dev libjson-glib-dev libsoup-3.0-dev libmosquitto-dev
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  libdnnl-dev libvips-dev libcairo2-dev libpango1.0-dev libffmpeg-nvenc-dev
)
# Playing needs gst-launch-1.0 and the elements around ours (rtspsrc, qtdemux: good; h264parse: bad;
# x264enc: ugly; avdec_h264: libav), a font for drawing with Cairo, and certificates to verify the
# hub that models are fetched from.
# shellcheck disable=SC2034
COW_PACKAGES_RUN=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
  fonts-dejavu-core ca-certificates
)
# The camera on the loopback needs this.
# shellcheck disable=SC2034
COW_PACKAGES_DEMO=(libgstrtspserver-1.0-dev)
# g++ compiles each header as C++ and, with the contexts of Boost, kernels for GPUs; MLflow is
# installed in an environment of python3-venv; the others are a broker, its clients and openssl for
# its certificates. libsoup 2.4 is what some programs around the elements use; it cannot be in one
# process with libsoup 3. Frames in the memory of a GPU are libgstcuda's. Applications in Python use
# GStreamer by python3-gi. help2man makes manual pages, which a build goes without where it is not.
# clang-format says whether files are laid out as its file asks.
# shellcheck disable=SC2034
COW_PACKAGES_TEST=(
  g++ libgstrtspserver-1.0-dev python3 python3-venv mosquitto mosquitto-clients openssl
  libsoup2.4-dev libboost-context-dev libgstreamer-plugins-bad1.0-dev
  python3-gi gir1.2-gst-plugins-base-1.0 help2man clang-format
)
# With GStreamer 1.24 and later, this is needed for the analytics metadata that other detectors,
# trackers and overlays read and write. It belongs to BUILD where the distribution has that version;
# Debian 12's package lacks the metadata and brings 130 other packages along.
# shellcheck disable=SC2034
COW_PACKAGES_ANALYTICS=(libgstreamer-plugins-bad1.0-dev)
# Kernels for NVIDIA GPUs are compiled by nvcc, 11.8 or later, and frames that NVDEC decodes come by
# the Video Codec headers. Both are needed at build time alone. Debian has nvcc in non-free, so
# nobody gets it unasked: 11.8 in Debian 12, 12.4 in Debian 13. PyPI has 13: nvidia-cuda-nvcc,
# nvidia-nvvm, nvidia-cuda-crt and nvidia-cuda-runtime, with CUDA_HOME for their folder nvidia/cu13.
COW_PACKAGES_CUDA=(nvidia-cuda-toolkit libffmpeg-nvenc-dev)
# shellcheck disable=SC2034
COW_PACKAGES_VALGRIND=(valgrind libc6-dbg)
# ThreadSanitizer with clang, and the OpenMP that clang links for oneDNN.
# shellcheck disable=SC2034
COW_PACKAGES_TSAN=(clang libclang-rt-dev libomp-dev)

# The compiler for aarch64, and what runs its programs here.
# shellcheck disable=SC2034
COW_PACKAGES_AARCH64=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)

# Prints those of the given packages that are not installed.
cow_missing_packages () {
  local package
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      echo "$package"
  done
}

# Whether this distribution has GStreamer 1.24 or later: Debian from 13 on (a Debian without a
# number is newer), Ubuntu from 24.04 on.
cow_has_analytics () (
  ID='' VERSION_ID=''
  # shellcheck source=/dev/null
  . /etc/os-release 2>/dev/null
  case $ID in
    debian) [ "${VERSION_ID:-99}" -ge 13 ] ;;
    ubuntu) [ "${VERSION_ID%%.*}" -ge 24 ] ;;
    *) false ;;
  esac
)

# Says what is missing where this machine has an NVIDIA GPU that a build would have no kernels for.
cow_tell_of_cuda () {
  [ -e /dev/nvidiactl ] || return 0
  ! command -v nvcc >/dev/null && [ ! -x "${CUDA_HOME:-${CUDA_PATH:-}}/bin/nvcc" ] || return 0
  echo "This machine has an NVIDIA GPU but no nvcc, so kernels for it are not built. To have" \
    "them, install NVIDIA's CUDA toolkit, or from Debian's non-free: ${COW_PACKAGES_CUDA[*]}"
}

# Runs apt-get as root, without questions.
cow_apt_get () {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null
}

# cow_install_packages BUILD RUN ...: installs the missing packages of these purposes, and says so.
# Fails where that is impossible. Does nothing if COW_NO_INSTALL is set.
cow_install_packages () {
  [ -z "${COW_NO_INSTALL:-}" ] || return 0
  local purpose list all=() missing
  if [[ " $* " == *" BUILD "* ]] && cow_has_analytics; then set -- "$@" ANALYTICS; fi
  for purpose; do
    list="COW_PACKAGES_${purpose}[@]"
    all+=("${!list}")
  done
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian or Ubuntu, so nothing is installed." \
      "Needed are (Debian's names): ${all[*]}"
    return 0
  fi
  mapfile -t missing < <(cow_missing_packages "${all[@]}" | sort -u)
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "Missing packages: ${missing[*]}"
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "They cannot be installed: this user is not root, and there is no sudo. Run as root:" \
      "apt-get install --no-install-recommends ${missing[*]}" >&2
    return 1
  fi
  echo "Installing them with apt-get."
  # Package lists may be absent (containers) or older than the archive; only then are they fetched.
  if apt-cache show "${missing[@]}" >/dev/null 2>&1 &&
    cow_apt_get install --no-install-recommends "${missing[@]}"; then
    return 0
  fi
  cow_apt_get update && cow_apt_get install --no-install-recommends "${missing[@]}"
}
