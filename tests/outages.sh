#!/bin/bash
# SPDX-License-Identifier: MIT
# Publishes events from a camera, and kills everything around the pipeline in turn (kill -9) for 20
# s each: the RTSP server, the MQTT broker (a real Mosquitto) and the HTTP endpoint. It takes five
# minutes, so it is run by hand and not part of the tests.
#
#   tests/outages.sh
#
# Environment: BUILD_DIR (build), OUTAGE_S (20). Needs mosquitto, and Python for the endpoint. It
# runs twice: with the default queue, which is long enough for all events to arrive, and with one of
# 200 events, which is too short. It checks that the pipeline survives, that for each target the
# events sent and dropped add up to the labelled frames, and that the sent ones have arrived. It
# prints the counts; outages.md keeps results.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${BUILD_DIR:-build}")
outage_s=${OUTAGE_S:-20}
work=$(mktemp -d)
export GST_PLUGIN_PATH=$build/gst-plugin GST_REGISTRY=$work/registry
export OMP_WAIT_POLICY=passive PATH=$PATH:/usr/sbin
camera=0 broker=0 endpoint=0 listener=0 pipeline=0

stop () {
  [ "$1" = 0 ] || kill -9 "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}
clean_up () {
  for process in "$pipeline" "$camera" "$broker" "$endpoint" "$listener"; do stop "$process"; done
  rm -rf "$work"
}
trap clean_up EXIT

fail () {
  echo "FAILED: $*" >&2
  tail -n 30 "$work"/pipeline.log >&2 || true
  exit 1
}

# Prints a port on which nothing listens.
free_port () {
  python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start_camera () {
  setpriv --pdeathsig KILL \
    "$build/pipelines/demo/cow-demo-camera" --port "$camera_port" >/dev/null &
  camera=$!
}

# The broker stores messages for the listener, which may be away, so that they survive a kill.
start_broker () {
  cat >"$work/mosquitto.conf" <<CONF
listener $broker_port 127.0.0.1
allow_anonymous true
user $(id -un)
persistence true
persistence_location $work/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
CONF
  setpriv --pdeathsig KILL mosquitto -c "$work/mosquitto.conf" >>"$work/mosquitto.log" 2>&1 &
  broker=$!
}

start_endpoint () {
  setpriv --pdeathsig KILL python3 tests/endpoint.py "$endpoint_port" "$work/http.jsonl" &
  endpoint=$!
}

start_listener () {
  for _ in $(seq 50); do
    mosquitto_pub -p "$broker_port" -t test -m up 2>/dev/null && break
    sleep 0.1
  done
  mosquitto_sub -p "$broker_port" -c -i outages -q 1 -t 'cowbehavior/barn/events' \
    >>"$work/mqtt.jsonl" 2>/dev/null &
  listener=$!
  sleep 1
}

n_lines () { wc -l <"$1"; }
# Counts the events of a target, each once, because a killed broker or endpoint may get one twice.
n_events () { sort -u "$1" | wc -l; }

# goes_on WHEN: waits until the pipeline has written more events.
goes_on () {
  local before waited=0
  before=$(n_lines "$work/events.jsonl")
  while [ "$(n_lines "$work/events.jsonl")" -lt $((before + 25)) ]; do
    kill -0 "$pipeline" 2>/dev/null || fail "the pipeline ended $1"
    [ $((waited += 1)) -le 600 ] || fail "no event for a minute $1"
    sleep 0.1
  done
}

# counted TARGET FIELD: prints a number of the last stats.
counted () {
  sed -n "s/.*$1=(structure)\"$1[^\"]*$2\\\\=\\\\(guint64\\\\)\\([0-9]*\\).*/\\1/p" \
    "$work/pipeline.log" | tail -n 1
}

# check TARGET FILE
check () {
  local sent dropped there
  sent=$(counted "$1" sent) dropped=$(counted "$1" dropped) there=$(n_events "$2")
  echo "  $1: sent $sent, dropped $dropped, failures $(counted "$1" failures); arrived $there"
  [ $((sent + dropped)) = "$frames" ] || fail "$1: $sent sent and $dropped dropped are not $frames"
  # A killed broker or endpoint may have accepted the last event without confirming it.
  if [ "$there" -lt "$sent" ] || [ "$there" -gt $((sent + 64)) ]; then
    fail "$1: $sent events were sent, $there have arrived"
  fi
}

run () {
  local queue=$1
  rm -f "$work"/{*.jsonl,frames,mosquitto.db,pipeline.log}
  touch "$work"/{events,http,mqtt}.jsonl
  start_camera
  start_broker
  start_endpoint
  start_listener
  "$build/pipelines/cow-reconnect" \
    "rtspsrc location=rtsp://127.0.0.1:$camera_port/cow protocols=tcp latency=200
     ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert" \
    "cowbehavior mode=blocking inference-interval=25 model=$work/model adapter=$work/adapter
     ! cowpublish name=publish source=barn queue-size=$queue drain-timeout=30000
       file=$work/events.jsonl http-url=http://127.0.0.1:$endpoint_port/events
       mqtt-url=mqtt://127.0.0.1:$broker_port
     ! videoscale ! videoconvert ! video/x-raw,format=GRAY8,width=8,height=8
     ! filesink location=$work/frames" 2>"$work/pipeline.log" &
  pipeline=$!
  goes_on "before anything happened"

  stop "$camera"
  sleep "$outage_s"
  start_camera
  goes_on "when the camera had been away"
  stop "$broker"
  sleep "$outage_s"
  start_broker
  goes_on "when the broker had been away"
  stop "$endpoint"
  sleep "$outage_s"
  start_endpoint
  goes_on "when the endpoint had been away"
  sleep 35 # the longest pause before a target is tried again

  kill -INT "$pipeline"
  wait "$pipeline" || fail "the pipeline failed"
  sleep 3 # for the messages that the broker still has for the listener
  frames=$(($(stat -c %s "$work/frames") / 64))
  echo "queue of $queue: $frames frames labelled; the camera was reconnected" \
    "$(sed -n 's/^cow-reconnect: reconnected //p' "$work/pipeline.log")"
  check file "$work/events.jsonl"
  check http "$work/http.jsonl"
  check mqtt "$work/mqtt.jsonl"
  pipeline=0
  for process in "$camera" "$listener" "$broker" "$endpoint"; do stop "$process"; done
}

for program in mosquitto mosquitto_sub python3; do
  command -v "$program" >/dev/null ||
    fail "no $program (Debian's packages mosquitto, mosquitto-clients, python3)"
done
echo "$(date -u +%F), commit $(git rev-parse --short HEAD)," \
  "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
  "outages of $outage_s s"
"$build/pipelines/demo/cow-formula-model" tiny "$work/model" --adapter "$work/adapter" --head \
  2>/dev/null
camera_port=$(free_port) broker_port=$(free_port) endpoint_port=$(free_port)
run 1000
[ "$(counted http dropped)$(counted mqtt dropped)" = 00 ] ||
  fail "events were dropped although the queue had room"
run 200
for target in http mqtt; do
  [ "$(counted $target dropped)" != 0 ] ||
    fail "$target: no event was dropped although the queue was too short"
done
echo passed
