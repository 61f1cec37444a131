# SPDX-License-Identifier: MIT
"""What users, pipelines and programs rely on, as lists of lines, one list a subject.

lists.py BUILD FOLDER writes all of them; make-baseline.sh does so, once.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEMO = ROOT / "pipelines" / "demo" / "model"
ELEMENTS = ["cowbehavior", "cowoverlay", "cowpublish"]
JSON_KINDS = {
    bool: "boolean",
    int: "integer",
    float: "real",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
# GLib's --help: "  -m, --model=MODEL         Model: ..."
OPTION = re.compile(r"^  (?:-(?P<short>\w), )?--(?P<long>[\w-]+)(?P<value>=\S+)?")


def output(*command, **more):
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} gave {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout


class Build:
    """Where in a build folder things are, by what they are called when they are installed."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.installed = json.loads(output("meson", "introspect", "--installed", self.folder))
        options = json.loads(output("meson", "introspect", "--buildoptions", self.folder))
        options = {o["name"]: o["value"] for o in options}
        self.prefix, self.libdir = pathlib.Path(options["prefix"]), options["libdir"]
        self.trainer = self.find(r"/bin/cow-trainer$")[0]
        self.library = self.find(r"/libcowbehavior\.so\.0$")[0]
        self.plugins = self.find(r"/gstreamer-1\.0/lib\w+\.so$")

    def find(self, pattern):
        return [pathlib.Path(k) for k, v in sorted(self.installed.items()) if re.search(pattern, v)]

    def program(self, name):
        return self.folder / "tests" / "baseline" / name

    def environment(self, scratch):
        """For programs with pipelines: our plugin, and a registry of our own."""
        places = os.pathsep.join(sorted({str(p.parent) for p in self.plugins}))
        ours = {"GST_PLUGIN_PATH": places, "GST_REGISTRY": f"{scratch}/registry"}
        # Debian 12's libproxy throws C++ exceptions through GStreamer's libunwind, and a process
        # that ended meanwhile was once seen to abort. The addresses here need no proxy.
        ours["GIO_USE_PROXY_RESOLVER"] = "dummy"
        return {**os.environ, **ours}


# ---- the lists -------------------------------------------------------------------------------


def elements(build):
    with tempfile.TemporaryDirectory() as scratch:
        program = build.program("list-elements")
        return output(program, *ELEMENTS, env=build.environment(scratch)).splitlines()


def json_types(where, value, facts):
    facts.add(f"{where} {JSON_KINDS[type(value)]}")
    if isinstance(value, dict):
        for key, member in value.items():
            json_types(f"{where}.{key}", member, facts)
    elif isinstance(value, list):
        for element in value:
            json_types(f"{where}[]", element, facts)


def fields(build):
    facts = set()
    with tempfile.TemporaryDirectory() as scratch:
        events = pathlib.Path(scratch, "events.jsonl")
        models = [DEMO / "drawn-cows", DEMO / "drawn-cows-day"]
        command = [build.program("list-fields"), *models, events]
        lines = output(*command, env=build.environment(scratch)).splitlines()
        for line in events.read_text(encoding="utf-8").splitlines():
            json_types("event", json.loads(line), facts)
    return lines + sorted(facts)


def symbols(build):
    lines = []
    for path in [build.library, *build.plugins]:
        # A plugin's functions may move to another plugin; the library's may not leave it.
        name = "libcowbehavior.so.0" if path == build.library else "plugin"
        for line in output("nm", "-D", "--defined-only", path).splitlines():
            _, kind, symbol = line.split()
            lines.append(f"{name} {symbol.split('@')[0]} {kind}")
    return sorted(lines)


def verbs(trainer):
    text = output(trainer, "--help").split("Verbs:")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+)  ", text, re.MULTILINE)


def command_line(build):
    lines = []
    for verb in verbs(build.trainer):
        lines.append(f"{verb}")
        for line in output(build.trainer, verb, "--help").splitlines():
            match = OPTION.match(line)
            if match:
                short = f", -{match['short']}" if match["short"] else ""
                value = " takes a value" if match["value"] else ""
                lines.append(f"{verb} --{match['long']}{value}{short}")
    recipes = output(build.trainer, "train", "--list-recipes").splitlines()[1:]
    return lines + [f"recipe {line.split()[0]}" for line in recipes]


def header(build):
    """Compiles against the headers alone, in the folders that they are installed to."""
    with tempfile.TemporaryDirectory() as scratch:
        for source, place in build.installed.items():
            if place.endswith(".h"):
                copy = pathlib.Path(scratch, pathlib.Path(place).relative_to(build.prefix))
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(pathlib.Path(source).read_bytes())
        program = pathlib.Path(scratch, "list-header")
        compiler = os.environ.get("CC", "cc").split()
        flags = ["-std=gnu11", "-Wall", "-Werror", f"-I{scratch}/include"]
        gstreamer = output("pkg-config", "--cflags", "--libs", "gstreamer-1.0").split()
        output(*compiler, *flags, "-o", program, HERE / "list-header.c", *gstreamer)
        return output(program).splitlines()


def installed(build):
    """Names below the prefix. GStreamer's own folder for plugins may lie elsewhere."""
    lines = []
    for place in build.installed.values():
        path = pathlib.Path(place)
        if path.parent.name == "gstreamer-1.0":
            lines.append(f"PLUGINS/{path.name}")
        else:
            lines.append(str(path.relative_to(build.prefix)).replace(f"{build.libdir}/", "LIBDIR/"))
    return sorted(lines)


SUBJECTS = {
    "elements": elements,
    "fields": fields,
    "symbols": symbols,
    "command-line": command_line,
    "header": header,
    "installed": installed,
}


# ---- comparing -------------------------------------------------------------------------------

RANGE = re.compile(r"^(.* range) (\S+) to (\S+)$")


def ranges(lines):
    found = {}
    for match in filter(None, map(RANGE.match, lines)):
        found[match[1]] = (float(match[2]), float(match[3]))
    return found


def missing(before, now):
    """The lines of `before` that do not hold `now`. A range holds within a wider one."""
    wider = ranges(now)
    lost = []
    for line in before:
        match = RANGE.match(line)
        if match and match[1] in wider:
            low, high = wider[match[1]]
            holds = low <= float(match[2]) and float(match[3]) <= high
        else:
            holds = line in now
        if not holds:
            lost.append(line)
    return lost


def main(build, folder):
    build = Build(build)
    for subject, gather in SUBJECTS.items():
        text = "".join(f"{line}\n" for line in gather(build))
        pathlib.Path(folder, f"{subject}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
