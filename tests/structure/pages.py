# SPDX-License-Identifier: MIT
"""Rules on pages that speak of other files: what docs/troubleshooting.md quotes is said by some
program, and the tests that tests/reports.md names are there."""
import re

QUOTING = "docs/troubleshooting.md"
REPORTS = "tests/reports.md"

LITERAL = r'"(?:\\.|[^"\\\n])*"'
# Texts that the compiler joins; between them may stand G_GUINT64_FORMAT and its like.
TEXTS = re.compile(rf"{LITERAL}(?:(?:\s|\\\n|G_\w+_FORMAT)*{LITERAL})*")
ESCAPES = {'\\"': '"', "\\n": " ", "\\\\": "\\"}


def texts_of(name, text):
    """What a program may print: texts of C, joined; a line of a script."""
    if not name.endswith((".c", ".h")):
        return text.split("\n")
    found = []
    for match in TEXTS.finditer(text):
        joined = "".join(part[1:-1] for part in re.findall(LITERAL, match[0]))
        found.append(re.sub(r'\\["n\\]', lambda m: ESCAPES[m[0]], joined))
    return found


def quotations(page):
    """The texts behind "> ", a quotation for each run of such lines."""
    for block in re.findall(r"(?:^>.*\n?)+", page, re.MULTILINE):
        lines = [line[1:].strip() for line in block.strip().split("\n")]
        yield " ".join(line for line in lines if line)


def says(texts, quotation):
    """Whether one text has all parts of a quotation, between which stands "...", in their order."""
    parts = [re.escape(part.strip()) for part in quotation.split("...") if part.strip()]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in texts)


def quoted(tree):
    """What docs/troubleshooting.md quotes (lines behind ">") is a text of a program or a script."""
    page = tree.texts.get(QUOTING)
    if page is None:
        return
    texts = [
        text
        for name in tree.texts
        if not name.startswith("tests/") and name.endswith((".c", ".h", ".sh"))
        for text in texts_of(name, tree.texts[name])
    ]
    for quotation in quotations(page):
        if not says(texts, quotation):
            yield f"{QUOTING} quotes what nobody says: {quotation[:60]}"


def named_tests(cell):
    """(paths of GLib's tests, (folder, words) of others) that a cell of the reports names."""
    paths, others = [], []
    for part in cell.split(";"):
        listed = re.match(r"\s*`gst-([\w-]+)`: (.+)", part)
        if listed:
            paths += [f"/{listed[1]}/{name.strip()}" for name in listed[2].split(",")]
            continue
        others += re.findall(r"`([\w-]+): ([^`]+)`", part)
        paths += re.findall(r"(?<![\w.])/[\w-]+(?:/[\w-]+)+", re.sub(r"`[\w-]+: [^`]+`", "", part))
    return paths, others


def has_path(programs, path):
    """Whether a program of GLib's has a test of that path, whole or put together of two texts."""
    for text in programs:
        if f'"{path}"' in text or f'"{path}/' in text:
            return True
        first, _, rest = path[1:].partition("/")
        if f'"/{first}/"' in text and f'"{rest}"' in text:
            return True
    return False


def reports(tree):
    """tests/reports.md names a test in each row, and all of them are there."""
    page = tree.texts.get(REPORTS)
    if page is None:
        return
    tests = {n: t for n, t in tree.texts.items() if n.startswith("tests/") and n != REPORTS}
    programs = [text for name, text in tests.items() if name.endswith(".c")]
    column = 0
    for line in page.split("\n"):
        cells = [cell.strip() for cell in line.split("|")]
        if not line.startswith("|") or set(line) <= set("|- "):
            continue
        if "test" in cells:
            column = cells.index("test")
            continue
        paths, others = named_tests(cells[column])
        if not paths and not others:
            yield f"{REPORTS}: no test for {cells[1][:40]}{cells[2][:40]}"
        for path in paths:
            if not has_path(programs, path):
                yield f"{REPORTS}: there is no {path}"
        for folder, words in others:
            if not any(n.startswith(f"tests/{folder}/") and words in t for n, t in tests.items()):
                yield f"{REPORTS}: tests/{folder} does not say {words}"
