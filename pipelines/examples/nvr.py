#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A recorder in miniature, as nvr.c: a program that has `cowbehavior` in its own pipeline, reads
from the metadata on each frame what the cows in it do, and from messages whose label has changed.

    python3 nvr.py VIDEO [ZONES]"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

LINE = ("filesrc name=file ! decodebin ! videoconvert ! "
        "cowbehavior name=cows post-messages=on-change smoothing=majority ! fakesink")


def objects_of(structure):
    """The objects of a message or of the metadata. Their array is kept, since they belong to it."""
    found, array = structure.get_array("objects")
    return (array, [array.get_nth(i) for i in range(array.n_values)]) if found else (None, [])


class Recorder:
    def __init__(self):
        self.frames = self.labelled = 0

    def on_frame(self, _pad, info):
        """Called in the streaming thread for each frame, with what is known of the cows in it."""
        self.frames += 1
        meta = info.get_buffer().get_custom_meta("GstCowBehaviorMeta")
        if meta and objects_of(meta.get_structure())[1]:
            self.labelled += 1
        return Gst.PadProbeReturn.OK


def print_changes(message):
    """A message `cowbehavior` has the objects whose label changed (post-messages=on-change)."""
    seconds = message.get_uint64("timestamp")[1] / Gst.SECOND
    _array, objects = objects_of(message)
    for item in objects:
        print(f"{seconds:.2f} s  {item.get_string('roi_type')}: {item.get_string('label')} "
              f"({100 * item.get_double('confidence')[1]:.0f} %)")


def watch(bus):
    """Returns 0 at the end of the stream, 1 after an error."""
    while True:
        message = bus.timed_pop(Gst.CLOCK_TIME_NONE)
        if message.type == Gst.MessageType.ELEMENT and message.has_name("cowbehavior"):
            print_changes(message.get_structure())
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", message.parse_warning()[0].message, file=sys.stderr)
        elif message.type == Gst.MessageType.ERROR:
            print("error:", message.parse_error()[0].message, file=sys.stderr)
            return 1
        elif message.type == Gst.MessageType.EOS:
            return 0


def main(video, zones=None):
    Gst.init(None)
    pipeline, recorder = Gst.parse_launch(LINE), Recorder()
    cows = pipeline.get_by_name("cows")
    pipeline.get_by_name("file").set_property("location", video)
    cows.set_property("zones", zones)
    cows.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, recorder.on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    status = watch(pipeline.get_bus())
    pipeline.set_state(Gst.State.NULL)
    print(f"{recorder.frames} frames, {recorder.labelled} of them with results")
    return status


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: nvr.py VIDEO [ZONES]")
    sys.exit(main(*sys.argv[1:]))
