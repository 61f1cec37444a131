#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the reference of the elements as Markdown: properties, pads and signals as the built
plugins declare them, and the fields of metadata, messages and counters as they are found on a
drawn frame that goes through them.

    GST_PLUGIN_PATH=build/gst-plugin elements.py >elements.md"""
import os
import re
import sys
import tempfile

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402

ELEMENTS = ["cowbehavior", "cowdetect", "cowoverlay", "cowpublish"]
# The limits of these types say no more than the type.
NO_LIMITS = {2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1}
TYPES = {"gchararray": "text", "gboolean": "true or false", "gint": "whole number",
         "guint": "whole number", "gint64": "whole number", "guint64": "whole number",
         "gdouble": "number", "gfloat": "number", "GstStructure": "structure"}
LINE = ("videotestsrc num-buffers=5 ! video/x-raw,width=96,height=64,framerate=5/1 ! "
        "cowbehavior name=cowbehavior zones=\"bed=0,0,1,1\" inference-region=zones top-k=2 ! "
        "cowoverlay name=cowoverlay ! cowpublish name=cowpublish file={file} ! "
        "fakesink name=sink sync=false")
WAIT_S = 120


def code(text):
    """For a cell of a table."""
    return "`" + text.replace("|", "\\|") + "`"


def escape(text):
    return re.sub(r"([|<>*_$])", r"\\\1", text)


def number(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def choices(pspec):
    """[(nick, blurb)] of an enumeration."""
    values = pspec.enum_class.__enum_values__ if hasattr(pspec, "enum_class") else {}
    return [(value.value_nick, value.value_name) for value in values.values()]


def range_of(pspec):
    low, high = getattr(pspec, "minimum", None), getattr(pspec, "maximum", None)
    if low is None:
        return ""
    if high in NO_LIMITS:
        return "" if low in NO_LIMITS else f", from {number(low)}"
    return f", {number(low)} to {number(high)}"


def default_of(element, pspec):
    """The value that a new element has, which may be another than the class declares."""
    if pspec.name in ("name", "parent") or not pspec.flags & GObject.ParamFlags.WRITABLE:
        return ""
    if not pspec.flags & GObject.ParamFlags.READABLE:
        return ""
    value = element.get_property(pspec.name)
    if pspec.value_type.is_a(GObject.TYPE_ENUM):
        return code(value.value_nick)
    if isinstance(value, bool):
        return code("true" if value else "false")
    return "" if value is None else code(number(value))


def changed_when(pspec):
    """When a property may be set."""
    if not pspec.flags & GObject.ParamFlags.WRITABLE:
        return "read only"
    flags = int(pspec.flags)
    words = [(Gst.PARAM_MUTABLE_PLAYING, "any time"), (Gst.PARAM_MUTABLE_PAUSED, "up to PAUSED"),
             (Gst.PARAM_MUTABLE_READY, "stopped")]
    when = next((word for flag, word in words if flags & flag), "stopped")
    readable = pspec.flags & GObject.ParamFlags.READABLE
    return when if readable else f"{when}; cannot be read back"


def properties(element, own):
    """Rows of the element's own class, or of those that it inherits."""
    mine = element.__gtype__
    for pspec in sorted(element.list_properties(), key=lambda p: p.name):
        if (pspec.owner_type == mine) != own:
            continue
        kind = TYPES.get(pspec.value_type.name, pspec.value_type.name)
        text = escape(pspec.blurb)
        found = choices(pspec)
        if found:
            kind = "one of"
            text += "".join(f"<br />{code(nick)}: {escape(blurb)}" for nick, blurb in found)
        default = default_of(element, pspec)
        value = [kind + range_of(pspec)] + [f"default {default}"] * bool(default)
        value.append(f"*{changed_when(pspec)}*")
        yield f"| {code(pspec.name)} | {'<br />'.join(value)} | {text} |"


def caps_rows(caps):
    """A row for each structure of caps."""
    for i in range(caps.get_size()):
        features = caps.get_features(i).to_string()
        name = caps.get_structure(i).to_string().rstrip(";")
        name, _, fields = name.partition(", ")
        if features not in ("memory:SystemMemory", ""):
            name += f"({features})"
        fields = re.sub(r"\((?:string|int|fraction)\)", "", fields).replace("\\ ", " ")
        yield name, fields


def pads(factory):
    for template in sorted(factory.get_static_pad_templates(), key=lambda t: t.name_template):
        caps = template.get_caps()
        direction = template.direction.value_nick
        if caps.is_any():
            yield f"| {code(template.name_template)} | {direction} | anything | |"
            continue
        for name, fields in caps_rows(caps):
            text = escape(fields)
            yield f"| {code(template.name_template)} | {direction} | {code(name)} | {text} |"


def value_type(value):
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(
        type(value), "structure")


def fields(structure, prefix=""):
    """(name, type) of the fields of a structure, and of the structures in it."""
    for i in range(structure.n_fields()):
        name = structure.nth_field_name(i)
        kind = structure.get_field_type(name).name
        if kind == "GstValueArray":
            items = structure.get_array(name)[1]
            first = items.get_nth(0) if items.n_values else None
            yield prefix + name, f"array of {value_type(first)}"
            if isinstance(first, Gst.Structure):
                yield from fields(first, prefix + name + "[].")
        elif kind == "GstStructure":
            yield prefix + name, "structure"
            yield from fields(structure.get_value(name), prefix + name + ".")
        else:
            yield prefix + name, TYPES.get(kind, kind)


def play():
    """{title: structure} of what a frame, the bus and the elements have."""
    found, metas = {}, []

    def on_frame(_pad, info):
        meta = info.get_buffer().get_custom_meta("GstCowBehaviorMeta")
        if meta and not metas:
            metas.append(meta.get_structure().copy())
        return Gst.PadProbeReturn.OK

    with tempfile.TemporaryDirectory() as folder:
        pipeline = Gst.parse_launch(LINE.format(file=os.path.join(folder, "events.jsonl")))
        pipeline.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, on_frame)
        pipeline.set_state(Gst.State.PLAYING)
        while True:
            message = pipeline.get_bus().timed_pop(WAIT_S * Gst.SECOND)
            if message is None or message.type == Gst.MessageType.ERROR:
                raise SystemExit(message.parse_error() if message else "nothing came")
            if message.type == Gst.MessageType.EOS:
                break
            structure = message.get_structure()
            if message.type == Gst.MessageType.ELEMENT and structure.get_name() in ELEMENTS:
                found[structure.get_name(), "message"] = structure.copy()
        for name in ELEMENTS:
            element = pipeline.get_by_name(name) or Gst.ElementFactory.make(name)
            if element.find_property("stats"):
                found[name, "stats"] = element.get_property("stats")
        pipeline.set_state(Gst.State.NULL)
    if metas:
        found["cowbehavior", "meta"] = metas[0]
    return found


def table(head, rows):
    rows = list(rows)
    if rows:
        print(f"| {' | '.join(head)} |")
        print("|" + "---|" * len(head))
        print("\n".join(rows))
        print()


TITLES = {"meta": "Metadata on each frame: `GstCowBehaviorMeta`",
          "message": "The message on the bus", "stats": "The property `stats`"}


def describe(name, found):
    factory = Gst.ElementFactory.find(name)
    if not factory:
        raise SystemExit(f"elements.py: no element {name}; set GST_PLUGIN_PATH")
    element = factory.create(None)
    print(f"## {name}\n\n{factory.get_metadata('description')}. Plugin "
          f"`{factory.get_plugin_name()}`, class {factory.get_metadata('klass')}.\n")
    head = ["property", "value", "what"]
    print(f"### Properties of {name}\n")
    table(head, properties(element, True))
    print(f"### Inherited by {name}\n")
    table(head, properties(element, False))
    print(f"### Pads of {name}\n")
    table(["pad", "direction", "media", "fields"], pads(factory))
    signals = GObject.signal_list_names(element.__gtype__)
    print(f"Signals of its own: {', '.join(map(code, signals)) or 'none'}.\n")
    for kind, title in TITLES.items():
        if (name, kind) in found:
            print(f"### {title} of {name}\n" if kind != "meta" else f"### {title}\n")
            table(["field", "type"],
                  (f"| {code(k)} | {t} |" for k, t in fields(found[name, kind])))


def main():
    Gst.init(None)
    print("# Elements\n\nMade from the plugins themselves. A property may be set at *any time*, "
          "also while the pipeline plays, or while it is *stopped*. What fields and messages mean "
          "is told in [gst-plugin/](../gst-plugin/README.md#what-is-on-a-buffer).\n")
    found = play()
    for name in ELEMENTS:
        describe(name, found)


if __name__ == "__main__":
    sys.exit(main())
