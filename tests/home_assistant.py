# SPDX-License-Identifier: MIT
"""Starts a broker, two cameras that publish to it, and the core of Home Assistant with its MQTT
integration, and asks that for devices and states. Run by home-assistant.sh; speaks TAP."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

from homeassistant import bootstrap, config_entries, core, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component

LIMIT_S = 60
CLASSES = {"Drinking", "Feeding head down", "Feeding head up", "Lying", "Standing", "Walking",
           "frontal_pushing", "gallop", "leap"}
N_COWS = 7  # in the drawn barn

failed = False
n_points = 0


def point(label, ok, *why):
    """Says whether something is so."""
    global failed, n_points
    n_points += 1
    failed |= not ok
    print(f"{'ok' if ok else 'not ok'} {n_points} {label}", flush=True)
    if not ok:
        print(f"# {why}", flush=True)


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def start_broker(folder, port):
    path = os.path.join(folder, "mosquitto.conf")
    with open(path, "w", encoding="utf-8") as conf:
        conf.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen(["mosquitto", "-c", path], stderr=subprocess.DEVNULL)
    for _ in range(LIMIT_S * 10):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.1)
    return broker


def start_camera(source, port, before, settings):
    """Publishes a live picture as this source."""
    line = (f"{before} ! cowbehavior post-messages=none {settings} ! "
            f"cowpublish source={source} mqtt-url=mqtt://127.0.0.1:{port} mqtt-discovery=true ! "
            "fakesink sync=true")
    return subprocess.Popen(["gst-launch-1.0", "-q", *line.split()], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def start_cameras(folder, port):
    """One with two zones, in one of which nothing is ever sure; one whose cows are detected."""
    truth = os.path.join(folder, "truth.jsonl")
    video = os.path.join(folder, "barn.mp4")
    subprocess.run(["cow-render-barn", "video", video, "--seconds", "40", "--truth", truth],
                   check=True, stdout=subprocess.DEVNULL)
    zones = start_camera("zones", port,
                         "videotestsrc is-live=true ! video/x-raw,width=320,height=240",
                         "threshold=1 zones=pen=0,0,0.5,1;bed=0.5,0,0.5,1")
    cows = start_camera("cows", port,
                        f"filesrc location={video} ! qtdemux ! h264parse ! avdec_h264 ! "
                        f"videoconvert ! cowdemodetector location={truth}",
                        "inference-region=roi-list")
    return zones, cows


async def start_home_assistant(folder, port):
    """The core of Home Assistant with an entry for the broker, as the user interface makes it."""
    hass = core.HomeAssistant(os.path.join(folder, "config"))
    os.mkdir(hass.config.config_dir)
    with open(os.path.join(hass.config.config_dir, "configuration.yaml"), "w", encoding="utf-8"):
        pass  # it reads it again, and it may be empty
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    loader.async_setup(hass)
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth_manager_from_config(hass, [], [])
    settings = {"http": {"server_host": ["127.0.0.1"], "server_port": free_port()}}
    for name in "homeassistant", "http":
        assert await async_setup_component(hass, name, settings), name
    entry = config_entries.ConfigEntry(
        domain="mqtt", title="broker", version=1, minor_version=2, source="user", options={},
        data={"broker": "127.0.0.1", "port": port, "discovery": True}, unique_id=None,
        discovery_keys={})
    await hass.config_entries.async_add(entry)
    await hass.async_start()
    return hass


def states_of(hass, source):
    """The states of a device by the names of its entities, and its device."""
    for device in device_registry.async_get(hass).devices.values():
        if device.name != source:
            continue
        entities = entity_registry.async_entries_for_device(entity_registry.async_get(hass),
                                                            device.id)
        return device, {each.original_name: hass.states.get(each.entity_id) for each in entities}
    return None, {}


async def wait_for(condition):
    for _ in range(LIMIT_S * 10):
        if condition():
            return True
        await asyncio.sleep(0.1)
    return False


def value(states, name):
    state = states.get(name)
    return state.state if state else None


def n_cows(states):
    values = [state.state for state in states.values() if state]
    return sum(int(each) for each in values if each.isdigit())


async def check(hass, zones, cows):
    """Everything that is asked."""
    def of(source):
        return states_of(hass, source)[1]

    seen = await wait_for(lambda: of("zones") and of("cows"))
    point("a device for each camera", seen)
    if not seen:
        return
    device, states = states_of(hass, "zones")
    point("it names the model, and that it is the demonstration",
          "demonstration model" in (device.model or ""), device.model)
    point("a sensor for each zone", await wait_for(lambda: set(of("zones")) == {"pen", "bed"}),
          set(of("zones")))
    point("a label that is not known is unknown",
          await wait_for(lambda: value(of("zones"), "pen") == "unknown"), states)
    options = of("zones")["pen"].attributes.get("options")
    point("the options are the labels", set(options or []) == CLASSES, options)
    point("a sensor for each behaviour, and none for a cow",
          await wait_for(lambda: set(of("cows")) == CLASSES | {"unknown"}), set(of("cows")))
    point("they count the cows", await wait_for(lambda: n_cows(of("cows")) == N_COWS), of("cows"))
    point("in cows", of("cows")["Lying"].attributes.get("unit_of_measurement") == "cows")
    zones.send_signal(signal.SIGKILL)
    zones.wait()
    point("a camera that is gone is unavailable",
          await wait_for(lambda: value(of("zones"), "pen") == "unavailable"), of("zones"))
    point("the other one is not", value(of("cows"), "Lying") != "unavailable")
    cows.send_signal(signal.SIGINT)
    cows.wait()
    point("one that is stopped is unavailable",
          await wait_for(lambda: value(of("cows"), "Lying") == "unavailable"), of("cows"))


async def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        processes = [start_broker(folder, port)]
        try:
            hass = await start_home_assistant(folder, port)
            processes += start_cameras(folder, port)
            await check(hass, *processes[1:])
            await hass.async_stop(force=True)
        finally:
            for process in processes:
                process.kill()
                process.wait()
    print(f"1..{n_points}")
    return failed


sys.exit(asyncio.run(main()))
