# SPDX-License-Identifier: MIT
"""Types the blocks of a page in one shell, as its reader would. Speaks TAP.

    type_page.py BUILD PAGE [NAME=VALUE...]

What a block is, docs/README.md tells. Each block is a point; a VALUE is one that a page lets its
reader set."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "tests", "report"))
import points as tap  # noqa: E402

LIMIT_S = 900
BLOCK = re.compile(r"(?:<!-- skip: ([^>]+) -->\n)?^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "@@ block "
# What the outputs of a page's blocks have to say, beyond that all commands succeed.
EXPECTED = {
    "docs/tutorial-barn.md": [
        ("the adapter is measured", r"(?m)^\s*accuracy +\d"),
        ("Home Assistant has a device", r"(?m)^homeassistant/device/\S+/config"),
        ("each zone has a label", r"(?s)(?=.*zone/beds \w).*zone/trough \w"),
        ("the events are JSON", r"(?m)^cowbehavior/barn 1/events \{.*\"behavior\""),
    ],
    "docs/tutorial-nvr.md": [
        ("C and Python print labels", r"(?s)beds: [A-Za-z ]+ \(\d.* frames, .*beds: [A-Za-z ]+ \("),
        ("both see metadata on each frame", r"(?s)(\d+) frames, \1 of them.*(\d+) frames, \2 of"),
    ],
    "docs/tutorial-peft.md": [
        ("the card is missed", r"card +none"),
        ("and then read", r"normalisation +imagenet"),
        ("pictures get labels", r"(?m)^tutorial/cows/Lying/\S+,[A-Za-z_ ]+,0\.\d"),
        ("the element takes the adapter", r"cowbehavior, .*model_name=\(string\)notebook"),
    ],
}


def blocks(text):
    """[(reason to skip or None, the block)]"""
    return [(match[1], match[2]) for match in BLOCK.finditer(text)]


def install(build, scratch):
    """Headers and packages of pkg-config as a reader has installed them; the folder of the latter.
    """
    root = os.path.join(scratch, "installed")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root,
                    "--tags", "devel,runtime"], check=True, stdout=subprocess.DEVNULL)
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".pc"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    text = re.sub(r"(?m)^prefix=", f"prefix={root}", file.read())
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                found = folder
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment_of(build, scratch, packages, values):
    """That of `meson devenv`, with nothing of this user's."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "COWBEHAVIOR_"))}
    return {
        **clean,
        "PATH": ":".join([f"{build}/trainer", f"{build}/pipelines", clean["PATH"]]),
        "GST_PLUGIN_PATH": f"{build}/gst-plugin:{build}/pipelines/demo",
        "GST_REGISTRY": f"{scratch}/registry",
        "LD_LIBRARY_PATH": f"{build}/model/api",
        "PKG_CONFIG_PATH": f"{packages}:" + clean.get("PKG_CONFIG_PATH", ""),
        "COWBEHAVIOR_PATH": f"{ROOT}/pipelines/demo/model",
        "HOME": scratch, "XDG_DATA_HOME": f"{scratch}/data", "XDG_CACHE_HOME": f"{scratch}/cache",
        "no_proxy": "127.0.0.1", "PORT": str(free_port()),
        **values,
    }


def clone(build, scratch):
    """A folder in which the page's relative names are those of a clone with a build."""
    where = os.path.join(scratch, "clone")
    os.mkdir(where)
    for name in os.listdir(ROOT):
        if not name.startswith((".", "build")):
            os.symlink(os.path.join(ROOT, name), os.path.join(where, name))
    os.symlink(build, os.path.join(where, "build"))
    return where


def type_in(script, where, environment):
    """(whether it ended well, what was said). Whatever it left running is ended."""
    done = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=where, env=environment,
                            text=True, errors="replace", stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            start_new_session=True)
    try:
        output, _ = done.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(done.pid, signal.SIGKILL)
        output = done.communicate()[0] + f"\nnothing ended within {LIMIT_S} s\n"
    finally:
        try:
            os.killpg(done.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    return done.returncode == 0, output


def type_page(points, build, page, values):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        found = blocks(file.read())
    points.add(bool(found), f"{page} has blocks")
    typed = [text for reason, text in found if not reason]
    script = "".join(f"echo '{MARK}{i}'\n{text}" for i, text in enumerate(typed, 1))
    with tempfile.TemporaryDirectory() as scratch:
        packages = install(build, scratch)
        ended, output = type_in(script, clone(build, scratch),
                                environment_of(build, scratch, packages, values))
    said = re.split(rf"^{MARK}\d+\n", output, flags=re.MULTILINE)[1:]
    for i, text in enumerate(typed, 1):
        first = next(line for line in text.split("\n") if line)
        passed = i < len(said) or (i == len(said) and ended)
        points.add(passed, f"{page}: {first[:70]}",
                   said[i - 1] if i <= len(said) else "not reached")
    for reason, text in found:
        if reason:
            points.number += 1
            print(f"ok {points.number} {page}: {text.split(chr(10))[0][:50]} # SKIP {reason}")
    for label, pattern in EXPECTED.get(page, []):
        points.add(re.search(pattern, output) is not None, f"{page}: {label}", output[-4000:])


def main(build, page, *values):
    points = tap.Points()
    type_page(points, os.path.realpath(build), page, dict(v.split("=", 1) for v in values))
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
