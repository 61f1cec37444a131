# SPDX-License-Identifier: MIT
"""An application in Python: what it reads of messages, metadata and regions through PyGObject, with
nothing of ours installed for it; and multiprocessing, which forks on Linux up to Python 3.13."""
import multiprocessing
import os
import sys
import warnings

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp, GstVideo  # GstApp: for appsink's signals
except (ImportError, ValueError) as error:
    print(f"1..0 # SKIP no PyGObject with GStreamer: {error}")
    sys.exit(0)

sys.dont_write_bytecode = True
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import points as tap  # noqa: E402

LINE = ("videotestsrc num-buffers=3 ! video/x-raw,width=64,height=64 ! cowbehavior name=c top-k=2 "
        "zones=\"pen 1=0,0,0.5,1\" inference-region=zones ! appsink name=sink sync=false")
PATIENCE_S = 60
warnings.simplefilter("ignore", DeprecationWarning)  # PyGObject's of GValueArray
FORKED = "child of fork ()"


def play():
    """(labels, error) of the first frame of a pipeline: one of the two is None."""
    Gst.init(None)
    pipeline = Gst.parse_launch(LINE)
    pipeline.set_state(Gst.State.PLAYING)
    wanted = Gst.MessageType.ERROR | Gst.MessageType.ELEMENT
    message = pipeline.get_bus().timed_pop_filtered(PATIENCE_S * Gst.SECOND, wanted)
    labels = error = None
    if message is None:
        error = "nothing came"
    elif message.type == Gst.MessageType.ERROR:
        error = message.parse_error()[0].message
    else:
        found = message.get_structure().get_array("labels")[1]
        labels = [found.get_nth(i) for i in range(found.n_values)]
    pipeline.set_state(Gst.State.NULL)
    return labels, error


def tell(pipe):
    pipe.send(play())


def in_child(method):
    """What play () gives in a child that multiprocessing makes so; None where it hangs."""
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    child = context.Process(target=tell, args=(theirs,))
    child.start()
    answer = ours.recv() if ours.poll(2 * PATIENCE_S) else None
    child.join(PATIENCE_S)
    if child.is_alive():
        child.kill()
        answer = None
    return answer


def read_message(points, structure):
    points.add(structure.get_value("frame") == 0, "a number of the message")
    ok, labels = structure.get_array("labels")
    names = [labels.get_nth(i) for i in range(labels.n_values)]
    points.add(ok and len(names) == 1 and isinstance(names[0], str), "the labels",
               f"found {names!r}")
    ok, confidences = structure.get_array("confidences")
    points.add(ok and 0 < confidences.get_nth(0) <= 1, "the confidences")
    ok, objects = structure.get_array("objects")
    item = objects.get_nth(0)
    size = item.get_uint("w")[1], item.get_uint("h")[1]
    points.add(ok and size == (32, 64), "the size of an object", f"found {size!r}")
    points.add(item.get_string("label") == names[0], "the label of an object")
    ok, probabilities = item.get_array("probabilities")
    points.add(ok and probabilities.n_values == 9, "all probabilities")
    return names[0]


def read_buffer(points, buffer, label):
    meta = buffer.get_custom_meta("GstCowBehaviorMeta")
    results = meta.get_structure()
    ok, objects = results.get_array("objects")  # kept: its members belong to it
    item = objects.get_nth(0)
    points.add(ok and item.get_string("label") == label, "the label in the metadata")
    points.add(isinstance(results.get_string("model_name"), str), "the model in the metadata")
    regions = [GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, i)
               for i in (-1, 0, 1)]
    regions = [region for region in regions if region]
    points.add(bool(regions), "a region of interest")
    parameter = regions[0].get_param("classification") if regions else None
    points.add(bool(parameter) and parameter.get_string("label") == label, "the label in a region")


def read(points):
    pipeline = Gst.parse_launch(LINE)
    pipeline.set_state(Gst.State.PLAYING)
    bus = pipeline.get_bus()
    message = bus.timed_pop_filtered(PATIENCE_S * Gst.SECOND, Gst.MessageType.ELEMENT)
    label = read_message(points, message.get_structure())
    read_buffer(points, pipeline.get_by_name("sink").emit("pull-sample").get_buffer(), label)
    stats = pipeline.get_by_name("c").get_property("stats")
    points.add(stats.get_value("frames") >= 1, "a counter of the element")
    pipeline.set_state(Gst.State.NULL)
    return [label]


def main():
    points = tap.Points()
    Gst.init(None)
    Gst.parse_launch(LINE)  # loads the plugin, and starts nothing
    first = in_child("fork")
    points.add(first and first[0], "a child that was forked before any pipeline labels",
               f"found {first!r}")
    label = read(points)
    again = in_child("fork")
    points.add(again and (again[0] == label or FORKED in (again[1] or "")),
               "one that was forked behind a pipeline labels or says why not",
               f"found {again!r}")
    points.add(play()[0] == label, "its parent goes on")
    spawned = in_child("spawn")
    points.add(spawned and spawned[0] == label, "a child that was spawned labels",
               f"found {spawned!r}")
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main())
