#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the site of docs/*.md, of the pages that they link to, and of what the built programs say
of themselves. Fails where a page links to what is not there.

    docs/build.py [--build BUILD] OUT

Without --build the reference of elements and programs is left out, and links to it are
plain text."""
import argparse
import concurrent.futures
import html
import os
import re
import shutil
import string
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What stands beside every page, in this order; what is not there yet is left out.
CHAPTERS = [
    ("First steps", ["index", "getting-started"]),
    ("Tutorials", ["tutorial-barn", "tutorial-nvr", "tutorial-peft"]),
    ("How to", ["cameras", "models", "training", "programs", "onnx", "troubleshooting"]),
    ("To choose", ["hardware", "accuracy"]),
    ("Reference", ["elements", "cow-pipeline", "cow-trainer", "settings"]),
]
MADE = {"docs/elements.md": "elements", "docs/cow-pipeline.md": "pipeline",
        "docs/cow-trainer.md": "verbs"}
LANGUAGES = {".c": "c", ".py": "python", ".txt": "cmake", ".yaml": "yaml"}


class Broken(Exception):
    pass


def place_of(path):
    """Where the page of a file of the tree lies in the site: those of docs/ at its top."""
    stem = path[:-len(".md")]
    if stem.startswith("docs/") and stem != "docs/README":
        stem = stem[len("docs/"):]
    return stem + ".html"


def with_listings(text, root, path):
    """Where <!-- show: FILE --> is comes that file of the tree, which is compiled as it is."""
    def listing(match):
        file = os.path.join(root, match[1])
        if not os.path.isfile(file):
            raise Broken(f"{path}: shows {match[1]}, which is not there")
        with open(file, encoding="utf-8") as opened:
            language = LANGUAGES.get(os.path.splitext(file)[1], "")
            return f"```{language}\n{opened.read()}```"

    return re.sub(r"<!-- show: (\S+) -->", listing, text)


class Page:
    """A page of the tree, or one that is made, as HTML."""

    def __init__(self, root, path, text):
        self.path, self.place = path, place_of(path)
        self.body = subprocess.run(
            ["pandoc", "-f", "gfm", "-t", "html5", "--no-highlight", "--wrap=preserve"],
            input=with_listings(text, root, path), text=True, capture_output=True, check=True,
        ).stdout
        self.body = re.sub(r"<!--.*?-->", "", self.body, flags=re.DOTALL)
        self.ids = set(re.findall(r'\bid="([^"]+)"', self.body))
        title = re.search(r"<h1[^>]*>(.*?)</h1>", self.body, re.DOTALL)
        self.title = html.unescape(re.sub(r"<[^>]+>", "", title[1])) if title else path

    def targets(self):
        """(address, path from the root of the tree, anchor) of what it links to in the tree."""
        for address in re.findall(r'\b(?:href|src)="([^"]*)"', self.body):
            if not re.match(r"[a-z]+:", address):
                yield (html.unescape(address), *self.target(html.unescape(address)))

    def target(self, address):
        name, _, anchor = address.partition("#")
        folder = os.path.dirname(self.path)
        return os.path.normpath(os.path.join(folder, name)) if name else self.path, anchor


class Site:
    def __init__(self, root, made):
        self.root, self.made, self.pages, self.files = root, made, {}, set()

    def text(self, path):
        if path in self.made:
            return self.made[path]
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def add(self, paths):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for page in pool.map(lambda p: Page(self.root, p, self.text(p)), sorted(paths)):
                self.pages[page.path] = page

    def read(self):
        """The pages of docs/, those that are made, and those of the tree that they link to."""
        own = {f"docs/{n}" for n in os.listdir(os.path.join(self.root, "docs"))
               if n.endswith(".md") and n != "README.md"}
        self.add(own | set(self.made))
        more = {self.file_of(path) for page in self.pages.values()
                for _, path, _ in page.targets()}
        self.add({p for p in more if p and p.endswith(".md")} - set(self.pages))

    def file_of(self, path):
        """The file that a link means: of a folder its README. None where there is none."""
        if path in self.made:
            return path
        where = os.path.join(self.root, path)
        if os.path.isdir(where):
            readme = os.path.join(path, "README.md")
            return readme if os.path.isfile(os.path.join(self.root, readme)) else path
        return path if os.path.isfile(where) else None

    def resolved(self, page, address):
        """The address in the site; None for what is in the tree alone; an error for what is not."""
        path, anchor = page.target(address)
        file = self.file_of(path)
        if file is None and path in MADE:
            return None
        if file is None:
            raise Broken(f"{page.path}: links to {address}, which is not there")
        target = self.pages.get(file)
        if target is None:
            if not file.endswith((".png", ".svg", ".html")):
                return None
            self.files.add(file)
            place = file
        else:
            place = target.place
            if anchor and anchor not in target.ids:
                raise Broken(f"{page.path}: links to {address}, and {file} has no such heading")
        here = os.path.dirname(page.place)
        return os.path.relpath(place, here or ".") + (f"#{anchor}" if anchor else "")

    def linked(self, page, problems):
        """The body of a page with addresses of the site."""
        def change(match):
            address = html.unescape(match[2])
            if re.match(r"[a-z]+:", address):
                return match[0]
            try:
                found = self.resolved(page, address)
            except Broken as error:
                problems.append(str(error))
                return match[0]
            if found is None:
                return match[3] if match[3] is not None else ""
            return f'{match[1]}"{html.escape(found)}"{match[0][match.end(2) - match.start() + 1:]}'

        body = re.sub(r'(<a href=)"([^"]*)"[^>]*>(.*?)</a>', change, page.body, flags=re.DOTALL)
        return re.sub(r'(<img\s+src=)"([^"]*)"()', change, body)

    def menu(self, page):
        lines, here = [], os.path.dirname(page.place) or "."
        for title, names in CHAPTERS:
            there = [n for n in names if f"docs/{n}.md" in self.pages]
            if not there:
                continue
            lines.append(f"<h2>{title}</h2><ul>")
            for name in there:
                target = self.pages[f"docs/{name}.md"]
                now = ' aria-current="page"' if target is page else ""
                address = os.path.relpath(target.place, here)
                lines.append(f'<li><a href="{address}"{now}>{html.escape(target.title)}</a></li>')
            lines.append("</ul>")
        return "\n".join(lines)

    def write(self, out):
        problems = []
        with open(os.path.join(ROOT, "docs/site/page.html"), encoding="utf-8") as file:
            template = string.Template(file.read())
        for page in self.pages.values():
            body = self.linked(page, problems)
            where = os.path.join(out, page.place)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            up = os.path.relpath(".", os.path.dirname(page.place) or ".")
            with open(where, "w", encoding="utf-8") as file:
                file.write(template.substitute(title=html.escape(page.title), body=body,
                                               menu=self.menu(page), up=up))
        if problems:
            raise Broken("\n".join(problems))
        shutil.copy(os.path.join(ROOT, "docs/site/style.css"), out)
        for name in sorted(self.files):
            where = os.path.join(out, name)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            shutil.copy(os.path.join(self.root, name), where)


def said(*words, environment=None):
    done = subprocess.run(words, text=True, capture_output=True, check=False,
                          env={**os.environ, **(environment or {})})
    if done.returncode:
        raise Broken(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def elements(build):
    """The reference of the elements. Debian's Python is the one that python3-gi is for."""
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    with tempfile.TemporaryDirectory() as scratch:
        return said(python, "-W", "ignore", os.path.join(ROOT, "docs/elements.py"), environment={
            "GST_PLUGIN_PATH": os.path.join(build, "gst-plugin"),
            "GST_REGISTRY": os.path.join(scratch, "registry"),
            "COWBEHAVIOR_PATH": os.path.join(ROOT, "pipelines/demo/model"),
        })


def pipeline(build):
    """The reference of cow-pipeline."""
    program = os.path.join(build, "pipelines", "cow-pipeline")
    return ("# cow-pipeline\n\nWhat `cow-pipeline --help` says; its manual page says the same.\n\n"
            f"```text\n{said(program, '--help').rstrip()}\n```\n")


def verbs(build):
    """The reference of cow-trainer, which tells its verbs and their options."""
    program = os.path.join(build, "trainer", "cow-trainer")
    text = ["# cow-trainer", "What `cow-trainer VERB --help` says; manual pages say the same.",
            "```text\n" + said(program, "--help").rstrip() + "\n```"]
    for line in said(program, "--complete").splitlines():
        verb, _, summary = line.partition("\t")
        if not verb.startswith("-"):
            help_text = said(program, verb, "--help").rstrip()
            text += [f"## {verb}", f"{summary}.", f"```text\n{help_text}\n```"]
    return "\n\n".join(text) + "\n"


def build_site(root, out, made):
    """The number of pages. Broken, with a line for each link that is."""
    site = Site(root, made)
    site.read()
    os.makedirs(out, exist_ok=True)
    site.write(out)
    return len(site.pages)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", help="the folder of the build, for the reference")
    parser.add_argument("out", help="the folder that is filled")
    arguments = parser.parse_args()
    if not shutil.which("pandoc"):
        return "docs/build.py: pandoc is not installed (Debian's package pandoc)"
    try:
        made = {}
        if arguments.build:
            build = os.path.abspath(arguments.build)
            made = {path: globals()[name](build) for path, name in MADE.items()}
        number = build_site(ROOT, arguments.out, made)
    except Broken as error:
        return f"docs/build.py: {error}"
    print(f"{number} pages in {arguments.out}; begin with {arguments.out}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
