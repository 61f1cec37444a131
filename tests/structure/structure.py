# SPDX-License-Identifier: MIT
"""The rules of the tree's shape, which README.md explains. check (root) finds what breaks them.

A rule yields subjects, or pairs of a subject and a detail for people. A subject has no line numbers
and no words of the file, so that it stays the same while the file around it changes."""
import collections
import io
import os
import re
import tokenize

import pages

PARTS = ["kernels", "model", "gst-plugin", "trainer", "pipelines", "tests"]

# Who may include whom: a row may include itself and the rows before it, but not its neighbours in
# the same row. "." is a part's own folder, "*" any room that is not named. test-device computes on
# the CPU's.
ORDER = {
    "": [["kernels"], ["model"], ["gst-plugin"], ["trainer"], ["pipelines"], ["tests"]],
    "kernels": [["."], ["*"], ["test-device"]],
    "model": [["files"], ["adapter"], ["network"], ["training"], ["engine"], ["api"]],
    "gst-plugin": [["common"], ["behavior", "overlay", "publish"], ["detect"]],
    "trainer": [["host"], ["plot"], ["hub"], ["tracking"], ["data"], ["eval"], ["video"], ["train"],
                ["cli"]],
}
# The tables that have a row for each room of their part, and so include them all.
TABLES = re.compile(r"kernels/devices?\.c|gst-plugin/plugin\.c")

# Words that name a kind of network. ViT alone is none: it is the architecture of several kinds,
# and its files are model/network/vit*.
KIND = re.compile(
    r"dino_?v[0-9]|(?<![a-z])timm|resnet|vit[-_ ]?(?:tiny|small|base|large)|NETWORK_VIT(?![A-Z])",
    re.IGNORECASE,
)
KIND_PARTS = ("kernels/", "model/", "gst-plugin/", "trainer/")
# The table of kinds; the implementation of each; the recipes, which are called after what they
# train.
KIND_FILES = re.compile(
    r"model/adapter/kind\.[ch]|model/network/backbones?\.[ch]"
    r"|model/training/trained-backbones\.[ch]"
    r"|model/(?:files|network|training)/(?:[\w-]+/)?(?:vit|resnet|dinov[0-9]|timm)[\w-]*\.[ch]"
    r"|trainer/train/recipe-presets\.c"
)
# Texts of the command line: recipes and models in examples.
KIND_TEXTS = re.compile(r"trainer/cli/[\w-]+\.[ch]")

WIDTH = 100
C_FILES = (".c", ".h", ".cu", ".cuh")
SOURCES = C_FILES + (".py", ".sh", ".awk", ".supp")
SOURCE_NAMES = ("meson.build", "meson_options.txt")
TEXTS = SOURCES + (".md", ".json", ".txt", ".csv", ".ini", ".html", ".service")
GENERATED = ("cow-build.h", "kernels/cuda/images-digest.h")

MACHINE_PATH = re.compile(
    r"(?<![\w.$}/-])/(?:work|home|root|Users|mnt|scratch|workspace)(?:/[\w.-]+|(?![\w/-]))"
    r"|(?<![\w-])\.librar[y]\b|(?<!\w)C:\\+Users"
)
REGISTRY = re.compile(
    r"\b(?:pypi\.org|(?:files\.)?pythonhosted\.org|registry\.npmjs\.org|crates\.io"
    r"|proxy\.golang\.org|conda\.anaconda\.org|ghcr\.io|docker\.io|quay\.io|deb\.debian\.org"
    r"|archive\.ubuntu\.com)\b|\b[\w-]+\.(?:internal|intranet|corp)\b|(?i:artifactor[y])"
)
LATER = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
IF_ZERO = re.compile(r"^\s*#\s*if\s+\(*\s*(?:0|false)\s*\)*\s*(?:$|/)", re.MULTILINE)

C_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">\n]+)[">]', re.MULTILINE)
NAME = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")
FUNCTION = re.compile(r"^([A-Za-z_]\w*) \([^;{}]*\)\s*\n\{", re.MULTILINE)
OBJECT = re.compile(
    r"^(?!static\b|typedef\b|extern\b|return\b)(?:const )?[A-Za-z_][\w ]*[ *]+(?:const )?"
    r"([A-Za-z_]\w*)(?:\[[^\]\n]*\])*\s*=",
    re.MULTILINE,
)
TYPE_MACRO = re.compile(r"^G_DEFINE_\w*TYPE\w* \(\s*\w+,\s*(\w+)", re.MULTILINE)
QUARK_MACRO = re.compile(r"^G_DEFINE_QUARK \(\s*[\w-]+,\s*(\w+)\)", re.MULTILINE)
PROTOTYPE = re.compile(r"^(?:extern )?[a-zA-Z_][\w ]*[ *]+(\w+) \([^{}]*?\);", re.MULTILINE)
DECLARED = re.compile(r"^extern [\w *]*?(\w+)[\[\];]", re.MULTILINE)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)


def stem(path):
    """The concept that a file is a part of: its folder and name; a private header belongs to it."""
    name = os.path.splitext(path)[0]
    return name[: -len("-private")] if name.endswith("-private") else name


def circles(graph):
    """The strongly connected components of more than one node (Tarjan), each sorted."""
    index, low, stack, found = {}, {}, [], []
    for start in sorted(graph):
        if start in index:
            continue
        work = [(start, iter(sorted(graph.get(start, ()))))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            node, successors = work[-1]
            for after in successors:
                if after not in index:
                    index[after] = low[after] = len(index)
                    stack.append(after)
                    work.append((after, iter(sorted(graph.get(after, ())))))
                    break
                if after in stack:
                    low[node] = min(low[node], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = stack[stack.index(node) :]
                    del stack[stack.index(node) :]
                    if len(members) > 1:
                        found.append(sorted(members))
    return sorted(found)


def without_comments(text, strings=True):
    """C without its comments, and without what its strings say."""

    def replacement(match):
        token = match[0]
        if token[0] == "/":
            return " " + "\n" * token.count("\n")
        return token if strings else '""'

    return C_TOKEN.sub(replacement, text)


def comments(path, text):
    """What the comments of a source say."""
    if path.endswith(C_FILES):
        return [m[0] for m in C_TOKEN.finditer(text) if m[0][0] == "/"]
    if path.endswith(".py"):
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        except (tokenize.TokenError, SyntaxError, IndentationError):
            return [text]
        return [t.string for t in tokens if t.type == tokenize.COMMENT]
    return re.findall(r"(?:^|(?<=\s))#.*", text, re.MULTILINE)


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = sorted(self.find())
        self.texts = {}
        for path in self.paths:
            with open(os.path.join(root, path), "rb") as file:
                head = file.read(2)
                if path.endswith(TEXTS) or self.is_named_source(path) or head == b"#!":
                    data = head + file.read()
                    self.texts[path] = data.decode("utf-8", errors="replace")
        self.c = [p for p in self.texts if p.endswith(C_FILES)]
        self.bare = {p: without_comments(self.texts[p], strings=False) for p in self.c}
        self.includes = {p: self.included(p) for p in self.c}

    def find(self):
        for name in os.listdir(self.root):
            if os.path.isfile(os.path.join(self.root, name)):
                yield name
        for part in PARTS + [".ci", "docs"]:
            for folder, folders, names in os.walk(os.path.join(self.root, part)):
                folders[:] = [f for f in folders if f != "__pycache__"]
                for name in names:
                    if not name.endswith((".pyc", ".o")):
                        yield os.path.relpath(os.path.join(folder, name), self.root)

    @staticmethod
    def is_named_source(path):
        return os.path.basename(path) in SOURCE_NAMES

    def sources(self):
        for path, text in self.texts.items():
            if path.endswith(SOURCES) or self.is_named_source(path) or text.startswith("#!"):
                yield path, text

    def included(self, path):
        """[(whether in quotes, as it is written)]"""
        text = without_comments(self.texts[path])
        return [(quote == '"', name) for quote, name in INCLUDE.findall(text)]

    def own_includes(self, path):
        """The files of the tree that one includes, from the root or from beside it."""
        beside = os.path.dirname(path) + "/"
        found = []
        for quoted, name in self.includes[path]:
            if name in self.bare:
                found.append(name)
            elif quoted and beside + name in self.bare:
                found.append(beside + name)
        return found

    def includers(self):
        """{file: the files that include it}"""
        found = collections.defaultdict(set)
        for path in self.c:
            for name in self.own_includes(path):
                found[name].add(path)
        return found


def graph_of(pairs):
    graph = collections.defaultdict(set)
    for before, after in pairs:
        if before != after:
            graph[before].add(after)
    return graph


def include_circle(tree):
    """Circles of files, and of concepts, by #include."""
    edges = [(p, q) for p in tree.c for q in tree.own_includes(p)]
    by_file = circles(graph_of(edges))
    by_stem = circles(graph_of((stem(p), stem(q)) for p, q in edges))
    inside = [{stem(p) for p in circle} for circle in by_file]
    for circle in by_file:
        yield " ".join(circle)
    for circle in by_stem:
        if set(circle) not in inside:
            yield " ".join(circle)


def definitions(tree):
    """({name: concept that defines it for others}, {file: names that it defines for itself})."""
    found, own = collections.defaultdict(set), collections.defaultdict(set)
    for path, text in tree.bare.items():
        names = set()
        for match in FUNCTION.finditer(text):
            line = text.rfind("\n", 0, max(match.start() - 1, 0)) + 1
            is_static = re.search(r"\bstatic\b", text[line : match.start()])
            if is_static and not path.endswith(".h"):
                own[path].add(match[1])
            else:
                names.add(match[1])
        names.update(OBJECT.findall(text))
        names.update(name + "_get_type" for name in TYPE_MACRO.findall(text))
        names.update(name + "_quark" for name in QUARK_MACRO.findall(text))
        # What is a macro here may be a function in another file of the same words (vectors-*.h).
        own[path].update(MACRO.findall(text))
        for name in names - {"main"}:
            found[name].add(stem(path))
    # Of a name that two files define (two programs, two instantiations of a template) nobody can
    # say here which is meant.
    return {name: min(where) for name, where in found.items() if len(where) == 1}, own


def used(path, text):
    """The names that a file uses; a header's prototypes use nothing."""
    text = INCLUDE.sub("", text)
    if path.endswith(".h"):
        bodies = re.findall(r"\)\s*\n\{.*?^\}", text, re.DOTALL | re.MULTILINE)
        macros = re.findall(r"^[ \t]*#[ \t]*define(?:.*\\\n)*.*", text, re.MULTILINE)
        text = "\n".join(bodies + macros)
    return set(NAME.findall(text))


def visible(tree, path, includers):
    """The names in the headers that a file includes, themselves or by others, and in its own
    prototypes: whatever else a name of its text is, a variable or a library's function, it is not
    another file's. A header without includes sees what those have that include it (a template)."""
    text = tree.bare[path]
    names = set(PROTOTYPE.findall(text)) | set(DECLARED.findall(text))
    todo, done = tree.own_includes(path), {path}
    if path.endswith(".h") and not todo:
        todo = sorted(includers[path])
    while todo:
        file = todo.pop()
        if file not in done:
            done.add(file)
            names.update(NAME.findall(tree.bare[file]))
            todo += tree.own_includes(file)
    return names


def use_circle(tree):
    """Circles of concepts by the functions and objects of each other that they use."""
    defined, own = definitions(tree)
    includers = tree.includers()
    edges = []
    for path, text in tree.bare.items():
        seen = visible(tree, path, includers)
        for name in used(path, text) - own[path]:
            if name in defined and name in seen:
                edges.append((stem(path), defined[name]))
    for circle in circles(graph_of(edges)):
        yield " ".join(circle)


def include_path(tree):
    """Includes are relative to the root and name a file that is there."""
    for path in tree.c:
        folder = os.path.dirname(path)
        for quoted, name in tree.includes[path]:
            where = os.path.normpath(os.path.join(folder, name))
            if ".." in name.split("/"):
                yield f"{path} includes {name}"
            elif quoted and name not in tree.bare and name not in GENERATED:
                # A test that is compiled outside the tree has its headers beside it.
                if not (path.startswith("tests/") and where in tree.bare):
                    yield f"{path} includes {name}, which is not there"


def rank(order, room):
    for number, row in enumerate(order):
        if room in row:
            return number
    return order.index(["*"]) if room != "." and ["*"] in order else None


def may_include(order, room, other):
    if room == other:
        return True
    here, there = rank(order, room), rank(order, other)
    return here is not None and there is not None and there < here


def rooms(path):
    """(part, room): "kernels/cpu/norm.c" is in the room "cpu" of "kernels"."""
    folders = path.split("/")[:-1]
    return folders[0] if folders else ".", folders[1] if len(folders) > 1 else "."


def climb(tree):
    """No include points up the order of parts, or of the rooms of a part."""
    for path in tree.c:
        part, room = rooms(path)
        order = ORDER.get(part)
        is_table = TABLES.fullmatch(path)
        if order and rank(order, room) is None and not is_table:
            yield f"{path} lies in no room of {part}"
        for name in tree.own_includes(path):
            other_part, other = rooms(name)
            if part != other_part:
                allowed = may_include(ORDER[""], part, other_part)
            elif not order or is_table:
                allowed = True
            else:
                allowed = may_include(order, room, other)
            if not allowed:
                yield f"{path} includes {name}"


def kind(tree):
    """Kinds of network are named by their table and their implementations alone."""
    for path in tree.c:
        if not path.startswith(KIND_PARTS) or KIND_FILES.fullmatch(path):
            continue
        text = without_comments(tree.texts[path])
        if KIND_TEXTS.fullmatch(path):
            # A text may name one in passing; one that is nothing else is compared with.
            text = C_TOKEN.sub(lambda m: m[0] if re.fullmatch(r'"[\w-]+"', m[0]) else '""', text)
        words = {match[0].lower() for match in KIND.finditer(text)}
        if words:
            yield path, " ".join(sorted(words))


def too_long(path, line):
    if path.endswith(".md"):
        if line.lstrip().startswith("|"):
            return False
        line = re.sub(r"\]\([^)]*\)", "]", line)
        line = re.sub(r"https?://\S+", "", line)
    return len(line.expandtabs(8)) > WIDTH


def width(tree):
    """No line is longer than 100 columns."""
    for path, text in tree.texts.items():
        if path.endswith((".md", ".c", ".h", ".cu", ".cuh", ".py", ".sh", ".awk")) or (
            tree.is_named_source(path) or text.startswith("#!")
        ):
            lines = [n for n, line in enumerate(text.splitlines(), 1) if too_long(path, line)]
            if lines:
                yield path, f"lines {', '.join(map(str, lines[:10]))}{', ...' * (len(lines) > 10)}"


def readme_names(text, folders=()):
    """What a README names: words in backquotes, and links within the tree. A word below a heading
    that names one of the folders is also found with that folder before it."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    names = set()
    for section in re.split(r"^(?=#)", text, flags=re.MULTILINE):
        heading = section.split("\n", 1)[0] if section.startswith("#") else ""
        rooms_of = [f for f in folders if f in re.findall(r"[\w-]+", heading)]
        for span in re.findall(r"`([^`\n]+)`", section):
            for word in re.split(r"[\s;]+", span):
                match = re.fullmatch(r"([\w./-]*)\{([\w,]+)\}([\w.-]*)", word.rstrip(","))
                found = [word.rstrip(",")]
                if match:
                    found = [match[1] + middle + match[3] for middle in match[2].split(",")]
                names.update(found)
                names.update(f"{room}/{name}" for room in rooms_of for name in found)
    links = {link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)}
    return names, {link for link in links if link and "://" not in link and link[0] != "/"}


def readme_of(tree, folder):
    while folder:
        if os.path.join(folder, "README.md") in tree.texts:
            return os.path.join(folder, "README.md")
        folder = os.path.dirname(folder)
    return None


def readme(tree):
    """Each source of C is named in its folder's README, or in that of the folder above."""
    by_readme = collections.defaultdict(set)
    for path in tree.c:
        folder = os.path.dirname(path)
        found = readme_of(tree, folder)
        # tests/README.md names suites; a suite's own README names its files.
        if found == "tests/README.md":
            continue
        if found is None:
            yield f"{folder} has no README.md"
        else:
            by_readme[found].add(path)
    for found, paths in by_readme.items():
        folder = os.path.dirname(found)
        below = {os.path.relpath(path, folder) for path in paths}
        folders = {os.path.dirname(path) for path in below} - {""}
        names = {os.path.normpath(n) for n in readme_names(tree.texts[found], folders)[0] if n}
        stems = {os.path.splitext(path)[0] for path in below}
        bases = collections.Counter(os.path.basename(name) for name in stems)

        def named(name, extensions):
            accepted = {name}
            # Of two rooms' files of one name each needs its folder.
            if bases[os.path.basename(name)] == 1:
                accepted.add(os.path.basename(name))
            return bool({a + e for a in accepted for e in extensions} & names)

        # Where most are named with .c or .h, a word without it is no file: `merge` is a verb too.
        with_extension = {name for name in stems if named(name, C_FILES)}
        bare_counts = len(with_extension) * 2 < len(stems)
        for name in sorted(stems - with_extension):
            if not (bare_counts and named(name, ("",))):
                yield f"{found} does not name {name}"


def readme_file(tree):
    """What a README names is there."""
    everything = set(tree.paths)
    folders = {os.path.dirname(p) for p in everything}
    while True:
        more = {os.path.dirname(f) for f in folders} - folders
        if not more:
            break
        folders |= more
    for path, text in tree.texts.items():
        if os.path.basename(path) not in ("README.md", "CONTRIBUTING.md"):
            continue
        folder = os.path.dirname(path)
        names, links = readme_names(text)
        for link in sorted(links):
            where = os.path.normpath(os.path.join(folder, link))
            if where not in everything and where not in folders:
                yield f"{path} links to {link}"
        below = [p for p in everything if not folder or p.startswith(folder + "/")]
        for name in sorted(names):
            if not name.endswith(SOURCES) or not re.fullmatch(r"[\w./-]+", name):
                continue
            if name.startswith("."):
                continue  # an extension, or a path that a reader's machine has
            # `ops-NAME.c` stands for any.
            wanted = re.sub(r"[A-Z]{2,}", "[\\\\w-]+", re.escape(os.path.normpath(name)))
            if any(re.fullmatch(wanted, p) for p in everything):
                continue
            if any(re.fullmatch(f"(?:.*/)?{wanted}", p) for p in below):
                continue
            yield f"{path} names {name}"


def path(tree):
    """No path of somebody's machine."""
    for name, text in tree.texts.items():
        for found in sorted({match[0] for match in MACHINE_PATH.finditer(text)}):
            yield f"{name} has {found}"


def registry(tree):
    """No host of a package registry, and none of a private network."""
    for name, text in tree.texts.items():
        for found in sorted({match[0] for match in REGISTRY.finditer(text)}):
            yield f"{name} has {found}"


def later(tree):
    """Nothing is left for later in a comment."""
    for name, text in tree.sources():
        words = {w for comment in comments(name, text) for w in LATER.findall(comment)}
        for word in sorted(words):
            yield f"{name} has {word}"


def if_zero(tree):
    """No code is switched off."""
    for name in tree.c:
        if IF_ZERO.search(without_comments(tree.texts[name])):
            yield name


def spdx(tree):
    """Each source begins with its licence, after the line that names an interpreter."""
    for name, text in tree.sources():
        lines = text.split("\n", 2)
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        marks = "/* %s */" if name.endswith(C_FILES) else "# %s"
        if first != marks % "SPDX-License-Identifier: MIT":
            yield name


RULES = {
    "include-circle": include_circle,
    "use-circle": use_circle,
    "include-path": include_path,
    "climb": climb,
    "kind": kind,
    "width": width,
    "readme": readme,
    "readme-file": readme_file,
    "path": path,
    "registry": registry,
    "later": later,
    "if-zero": if_zero,
    "spdx": spdx,
    "quoted": pages.quoted,
    "reports": pages.reports,
}


def check(root):
    """{rule: {subject: detail}}"""
    tree = Tree(root)
    found = {}
    for rule, find in RULES.items():
        pairs = (f if isinstance(f, tuple) else (f, "") for f in find(tree))
        found[rule] = dict(sorted(pairs))
    return found


def read_known(file):
    """{(rule, subject): why} of lines "rule: subject | why"; '#' begins a comment."""
    known = {}
    with open(file, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line[0] == "#":
                continue
            match = re.fullmatch(r"([\w-]+): (.+?) \| (\S.*)", line)
            if not match or match[1] not in RULES:
                raise ValueError(f"{file}, line {number}: not of the form 'rule: subject | why'")
            if (match[1], match[2]) in known:
                raise ValueError(f"{file}, line {number}: listed twice")
            known[match[1], match[2]] = match[3]
    return known


def compare(found, known):
    """{rule: [line for people]}: what is broken and not listed, and what is listed and whole."""
    faults = {}
    for rule, subjects in found.items():
        listed = {subject for r, subject in known if r == rule}
        faults[rule] = [
            f"new: {s}" + (f" ({detail})" if detail else "")
            for s, detail in subjects.items()
            if s not in listed
        ]
        faults[rule] += [f"listed, but mended: {s}" for s in sorted(listed - set(subjects))]
    return faults
