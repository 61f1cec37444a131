# SPDX-License-Identifier: MIT
"""The site of docs/: it is made, its links lead somewhere, its pages are well-formed, and its
reference names all that the programs have. Speaks TAP.

    check_docs.py BUILD"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "tests", "report"))
sys.path.insert(1, os.path.join(ROOT, "docs"))
import build as docs  # noqa: E402
import points as tap  # noqa: E402

WHOLE = {
    "docs/index.md": "# Index\n\n[a](a.md#the-heading) [b](../b/) [c](../c.c) <https://x.org/>\n\n"
                     "![p](../p.png)\n\n<!-- show: c.c -->\n",
    "docs/a.md": "# A\n\n## The heading\n\n[back](index.md) [here](#the-heading)\n",
    "b/README.md": "# B\n\n[a](../docs/a.md)\n",
    "c.c": "int a < b;\n",
    "p.png": "not looked at",
}
ELEMENTS = ["cowbehavior", "cowdetect", "cowoverlay", "cowpublish"]
# What is changed, and what the build then says; None: nothing.
CASES = [
    ("a tree that is whole", {}, None),
    ("a page that is gone", {"docs/a.md": None}, "docs/index.md: links to a.md#the-heading"),
    ("a heading that is gone", {"docs/a.md": "# A\n"}, "has no such heading"),
    ("a heading of the page itself", {"docs/a.md": "# A\n\n## The heading\n\n[x](#no)\n"},
     "docs/a.md: links to #no"),
    ("a picture that is gone", {"p.png": None}, "docs/index.md: links to ../p.png"),
    ("a file that is gone", {"b/README.md": "# B\n\n[a](../none.c)\n"}, "b/README.md: links to .."),
    ("a listing that is gone", {"docs/a.md": "# A\n\n## The heading\n\n<!-- show: d.c -->\n"},
     "docs/a.md: shows d.c"),
]


def broken(changed, out):
    """What the build of a small tree says, or None."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**WHOLE, **changed}.items():
            if text is not None:
                where = os.path.join(root, name)
                os.makedirs(os.path.dirname(where), exist_ok=True)
                with open(where, "w", encoding="utf-8") as file:
                    file.write(text)
        try:
            docs.build_site(root, out, {})
        except docs.Broken as error:
            return str(error)
    return None


def check_small(points):
    for label, changed, expected in CASES:
        with tempfile.TemporaryDirectory() as out:
            said = broken(changed, out)
            passed = said is None if expected is None else expected in (said or "")
            points.add(passed, f"links: {label}", f"found {said!r}")
            if expected is None:
                check_small_page(points, out)


def check_small_page(points, out):
    with open(os.path.join(out, "index.html"), encoding="utf-8") as file:
        text = file.read()
    for part in ('href="a.html#the-heading"', 'href="b/README.html"', 'src="p.png"', "</a> c <a",
                 "int a &lt; b;", 'href="https://x.org/"'):
        points.add(part in text, f"the page has {part}", text)


def pages_of(out):
    for folder, _, names in os.walk(out):
        for name in sorted(names):
            if name.endswith(".html") and not os.path.exists(
                    os.path.join(ROOT, os.path.relpath(os.path.join(folder, name), out))):
                yield os.path.join(folder, name)


def check_pages(points, out):
    """Each page is well-formed, has a title, and links to files and headings that are there: asked
    of the result, not of what made it."""
    trees, wrong = {}, []
    for path in pages_of(out):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"&nbsp;", "&#160;", file.read().split("\n", 1)[1])
        try:
            trees[path] = xml.etree.ElementTree.fromstring(text)
        except xml.etree.ElementTree.ParseError as error:
            wrong.append(f"{path}: {error}")
    points.add(not wrong and len(trees) > 15, f"{len(trees)} pages are well-formed", *wrong)
    ids = {p: {e.get("id") for e in t.iter() if e.get("id")} for p, t in trees.items()}
    wrong = [f"{os.path.relpath(p, out)}: {a}" for p, t in trees.items() for a in addresses(t)
             if not leads_somewhere(p, a, ids)]
    points.add(not wrong, "each link leads somewhere", *wrong)
    titled = [p for p, t in trees.items() if len(t.findall(".//h1")) != 1]
    points.add(not titled, "each page has one title", *titled)


def addresses(tree):
    for element in tree.iter():
        for name in ("href", "src"):
            address = element.get(name)
            if address and not re.match(r"[a-z]+:", address):
                yield address


def leads_somewhere(page, address, ids):
    name, _, anchor = address.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
    return os.path.isfile(path) and (not anchor or anchor in ids.get(path, ()))


def inspected(build, scratch, element):
    """The names of an element's properties, as gst-inspect-1.0 tells them."""
    done = subprocess.run(["gst-inspect-1.0", element], text=True, capture_output=True, check=True,
                          env={**os.environ, "GST_PLUGIN_PATH": os.path.join(build, "gst-plugin"),
                               "GST_REGISTRY": os.path.join(scratch, "registry")})
    return re.findall(r"^  ([\w-]+) +: ", done.stdout.split("Element Properties:")[1], re.MULTILINE)


def check_reference(points, build, out, scratch):
    with open(os.path.join(out, "elements.html"), encoding="utf-8") as file:
        elements = file.read()
    for element in ELEMENTS:
        part = elements.split(f'<h2 id="{element}">')[1].split("<h2")[0]
        names = inspected(build, scratch, element)
        missing = [n for n in names if f"<td><code>{n}</code></td>" not in part]
        points.add(len(names) > 5 and not missing,
                   f"the reference has the {len(names)} properties of {element}", *missing)
    with open(os.path.join(out, "cow-trainer.html"), encoding="utf-8") as file:
        trainer = file.read()
    program = os.path.join(build, "trainer", "cow-trainer")
    said = subprocess.run([program, "--complete"], text=True, capture_output=True, check=True)
    verbs = [line.split("\t")[0] for line in said.stdout.splitlines() if line[0] != "-"]
    missing = [v for v in verbs if f'<h2 id="{v}">{v}</h2>' not in trainer]
    points.add(len(verbs) > 10 and not missing, f"the {len(verbs)} verbs of cow-trainer", *missing)
    with open(os.path.join(out, "cow-pipeline.html"), encoding="utf-8") as file:
        pipeline = file.read()
    program = os.path.join(build, "pipelines", "cow-pipeline")
    said = subprocess.run([program, "--help"], text=True, capture_output=True, check=True)
    options = re.findall(r"^  (--[\w-]+)", said.stdout, re.MULTILINE)
    missing = [option for option in options if f"  {option}" not in pipeline]
    points.add(len(options) > 10 and not missing,
               f"the {len(options)} options of cow-pipeline", *missing)


def main(build):
    points = tap.Points()
    check_small(points)
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "site")
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "docs", "build.py"), "--build", build, out],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        points.add(done.returncode == 0, "the site is made", done.stdout)
        if done.returncode == 0:
            check_pages(points, out)
            check_reference(points, build, out, scratch)
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
