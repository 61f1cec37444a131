#!/bin/bash
# SPDX-License-Identifier: MIT
# Lets a real Home Assistant discover what cowpublish announces, over a Mosquitto of its own, and
# asks it for devices and states (home_assistant.py). It is started by hand.
#
#   tests/home-assistant.sh FOLDER     FOLDER gets Home Assistant (300 MB), made once and kept
#
# Environment: BUILD_DIR (build-tests), COW_PYTHON: a Python 3.13, which this Home Assistant needs
# (python3.13; Debian 12 has none). Home Assistant comes from PyPI.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Of the first half year with devices in one message (2024.12), and what its MQTT needs beside it.
version=2025.1.4
more=(paho-mqtt aiohttp_cors)

give_up () {
  echo "tests/home-assistant.sh: $1" >&2
  exit 1
}

[ $# = 1 ] || give_up "usage: tests/home-assistant.sh FOLDER"
command -v mosquitto >/dev/null || give_up "mosquitto is not installed"
python=${COW_PYTHON:-python3.13}
command -v "$python" >/dev/null || give_up "there is no $python; COW_PYTHON may name one"
folder=$(realpath -m "$1")
build=$(realpath "${BUILD_DIR:-build-tests}")
if [ ! -e "$folder/installed" ]; then
  { "$python" -m venv "$folder" && "$folder/bin/pip" install --quiet --no-deps \
    "homeassistant==$version"; } || give_up "Home Assistant cannot be installed"
  # It fits only what its own list of versions says.
  list=$(echo "$folder"/lib/python3*/site-packages/homeassistant/package_constraints.txt)
  "$folder/bin/pip" install --quiet -c "$list" "homeassistant==$version" "${more[@]}" ||
    give_up "what Home Assistant needs cannot be installed"
  touch "$folder/installed"
fi
export GST_PLUGIN_PATH=$build/gst-plugin:$build/pipelines/demo
export COWBEHAVIOR_PATH=$PWD/pipelines/demo/model OMP_NUM_THREADS=1
PATH=$build/pipelines/demo:$PATH exec "$folder/bin/python" tests/home_assistant.py
