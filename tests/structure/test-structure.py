#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shape of the tree (structure.py), first of tiny trees that break each rule, then of this one.

    test-structure.py ROOT            speaks TAP
    test-structure.py ROOT --list     the lines of known.txt as they would be today"""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import points as tap  # noqa: E402
import structure  # noqa: E402

C = "/* SPDX-License-Identifier: MIT */\n"
SHELL = "#!/bin/bash\n# SPDX-License-Identifier: MIT\n"


def c_file(*includes, body=""):
    return C + "".join(f'#include "{name}"\n' for name in includes) + body


def function(name, *called, static=False):
    calls = "".join(f"  {other} ();\n" for other in called)
    return f"{'static ' if static else ''}void\n{name} (void)\n{{\n{calls}}}\n"


# Breaks no rule. The cases below add files to it, or put others in their places.
WHOLE = {
    "meson.build": "# SPDX-License-Identifier: MIT\n",
    "README.md": "See [the kernels](kernels/) and `kernels/kernels.h`.\n",
    "kernels/README.md": "`kernels.h`, `device.c`, `cpu/norm.{h,c}`; a level is an `ops-NAME.c`: "
    "`cpu/ops-avx2.c`\n",
    "kernels/kernels.h": C + "void ck_norm (void);\n",
    "kernels/device.c": c_file("kernels/kernels.h", "kernels/cpu/norm.h"),
    "kernels/cpu/norm.h": c_file("kernels/kernels.h"),
    "kernels/cpu/norm.c": c_file("kernels/cpu/norm.h", body=function("ck_norm")),
    "kernels/cpu/ops-avx2.c": C,
    "model/README.md": "## files\n`error`, `error-private`, `card`\n## network\n`vit`\n",
    "model/files/error.h": C + "void fail (void);\nvoid card (void);\nextern const int sizes[];\n",
    "model/files/error-private.h": c_file("model/files/error.h"),
    "model/files/error.c": c_file(
        "model/files/error-private.h", body=function("fail") + function("helper", static=True)
    ),
    "model/files/card.c": c_file("model/files/error.h", body=function("card", "fail")),
    "model/network/vit.h": c_file("kernels/kernels.h", "model/files/error.h"),
    "model/network/vit.c": c_file(
        "model/network/vit.h", body='const char *vit = "dinov3 and timm";\n'
    ),
    "gst-plugin/README.md": "`gstcow.c`\n",
    "gst-plugin/behavior/gstcow.c": c_file("cow-build.h", "model/files/error.h"),
    "trainer/README.md": "`cli/train.c`\n",
    "trainer/cli/train.c": c_file(
        "model/files/error.h", body='const char *help = "as with --model dinov3-vits16";\n'
    ),
    "tests/README.md": "A suite a folder.\n",
    "tests/gst/test-it.c": c_file("kernels/kernels.h", "model/network/vit.h"),
    "tests/run.sh": SHELL,
}

# What is changed -> the one rule that it breaks, and how many times; or no rule.
CASES = [
    ("two headers that include one another", {
        "model/files/error.h": c_file("model/files/error-private.h"),
    }, "include-circle", 1),
    ("X.c includes Y.h and Y.c includes X.h", {
        "model/files/error.c": c_file("model/files/error.h", "model/files/card.h"),
        "model/files/card.h": C,
    }, "include-circle", 1),
    ("a circle of three", {
        "model/files/error.h": c_file("model/files/card.h"),
        "model/files/card.h": c_file("model/files/mapping.h"),
        "model/files/card.c": C,
        "model/files/mapping.h": C,
        "model/files/mapping.c": c_file("model/files/error.h"),
        "model/README.md": WHOLE["model/README.md"] + "`mapping`",
    }, "include-circle", 1),
    ("an include in a comment", {
        "model/files/error.h": C + '/*\n#include "model/files/card.h"\n*/\n',
        "model/files/card.h": c_file("model/files/error.h"),
    }, None, 0),
    ("two files that call one another", {
        "model/files/error.c": c_file("model/files/error.h", body=function("fail", "card")),
    }, "use-circle", 1),
    ("two that declare one another's functions themselves", {
        "model/files/error.c": C + "void card (void);\n" + function("fail", "card"),
        "model/files/card.c": C + "extern void fail (void);\n" + function("card", "fail"),
    }, "use-circle", 1),
    ("a template that uses what the file around it has", {
        "model/files/error.h": C + function("fail", "card", static=True),
        "model/files/error.c": C,
        "model/files/error-private.h": C,
        "model/files/card.h": C + '#include "model/files/error.h"\n'
        + function("card", static=True) + function("both", "fail", static=True),
        "model/files/card.c": C,
    }, "use-circle", 1),
    ("a name that is declared nowhere in sight", {
        "model/files/error.c": C + function("fail", "card"),
    }, None, 0),
    ("two files that use one another's objects", {
        "model/files/error.c": c_file("model/files/error.h", body=function("fail"))
        + "int last = sizes[0];\n",
        "model/files/card.c": c_file("model/files/error.h") + "const int sizes[] = { 1 };\n"
        + function("card", "fail"),
    }, "use-circle", 1),
    ("a static function of the same name", {
        "model/files/error.c": c_file("model/files/error.h") + function("card", static=True)
        + function("fail", "card"),
    }, None, 0),
    ("a member, a text and a comment of the same name", {
        "model/files/error.c": c_file("model/files/error.h") + function("fail")
        + 'int n = a->card + b.card; /* card */\n'
        'const char *text = "card";\n',
    }, None, 0),
    ("a prototype of what another file defines", {
        "model/network/vit.h": C + "void card (void);\n",
        "model/files/card.c": c_file("model/files/error.h", body=function("card", "vit"))
        + "void vit (void);\n",
        "model/network/vit.c": c_file("model/network/vit.h", body=function("vit")),
    }, None, 0),
    ("a function of a library that a test has one of its own for", {
        "model/files/error.c": C + function("fail", "g_free"),
        "tests/gst/test-it.c": C + function("g_free", "fail"),
    }, None, 0),
    ("a header's inline function that calls back", {
        "model/files/error.h": WHOLE["model/files/error.h"]
        + "static inline void\nfail_card (void)\n{\n  card ();\n}\n",
    }, "use-circle", 1),
    ("an include of the folder above", {
        "kernels/cpu/norm.c": C + '#include "../kernels.h"\n',
    }, "include-path", 1),
    ("an include that is not from the root", {
        "kernels/cpu/norm.c": C + '#include "norm.h"\n',
    }, "include-path", 1),
    ("a test that is compiled outside the tree", {
        "tests/library/test-it.c": C + '#include "it.h"\n',
        "tests/library/it.h": C,
    }, None, 0),
    ("kernels include model", {
        "kernels/cpu/norm.h": c_file("model/files/error.h"),
    }, "climb", 1),
    ("the plugin includes the trainer", {
        "gst-plugin/behavior/gstcow.c": c_file("trainer/cli/train.h"),
        "trainer/cli/train.h": C,
        "trainer/README.md": "`cli/train.{h,c}`\n",
    }, "climb", 1),
    ("files include network, in angle brackets", {
        "model/files/card.c": C + "#include <model/network/vit.h>\n",
    }, "climb", 1),
    ("the contract includes a device, and is not the table of devices", {
        "kernels/kernels.h": c_file("kernels/cpu/team.h"),
        "kernels/cpu/team.h": C,
        "kernels/README.md": WHOLE["kernels/README.md"] + "`cpu/team.h`",
    }, "climb", 1),
    ("a device includes another", {
        "kernels/cuda/graph.c": c_file("kernels/cpu/norm.h"),
        "kernels/README.md": WHOLE["kernels/README.md"] + "`cuda/graph.c`",
    }, "climb", 1),
    ("test-device includes the CPU", {
        "kernels/test-device/queue.c": c_file("kernels/cpu/norm.h"),
        "kernels/README.md": WHOLE["kernels/README.md"] + "`test-device/queue.c`",
    }, None, 0),
    ("the CPU includes test-device", {
        "kernels/cpu/graph.c": c_file("kernels/test-device/queue.h"),
        "kernels/test-device/queue.h": C,
        "kernels/README.md": WHOLE["kernels/README.md"] + "`cpu/graph.c`, `test-device/queue.h`",
    }, "climb", 1),
    ("an element includes another", {
        "gst-plugin/overlay/view.c": c_file("gst-plugin/behavior/meta.h"),
        "gst-plugin/behavior/meta.h": C,
        "gst-plugin/README.md": "`gstcow.c`, `view.c`, `meta.h`\n",
    }, "climb", 1),
    ("two elements include what they have in common", {
        "gst-plugin/overlay/view.c": c_file("gst-plugin/common/meta.h"),
        "gst-plugin/behavior/gstcow.c": c_file("gst-plugin/common/meta.h"),
        "gst-plugin/common/meta.h": C,
        "gst-plugin/README.md": "`gstcow.c`, `view.c`, `meta.h`\n",
    }, None, 0),
    ("trainer/host includes trainer/cli", {
        "trainer/host/memory.c": c_file("trainer/cli/train.h"),
        "trainer/cli/train.h": C,
        "trainer/README.md": "`memory.c`, `train.{h,c}`\n",
    }, "climb", 1),
    ("a folder that is no room", {
        "model/more/thing.c": C,
        "model/README.md": WHOLE["model/README.md"] + "`thing`",
    }, "climb", 1),
    ("a part includes tests", {
        "trainer/cli/train.c": c_file("tests/gst/support.h"),
        "tests/gst/support.h": C,
    }, "climb", 1),
    ("a kind's name in an identifier", {
        "model/files/card.c": C + "int is_resnet;\n",
    }, "kind", 1),
    ("a kind's name in a text", {
        "gst-plugin/behavior/gstcow.c": C + 'const char *kind = "vit-small";\n',
    }, "kind", 1),
    ("a kind's constant", {
        "model/files/card.c": C + "int kind = COW_NETWORK_VIT;\n",
    }, "kind", 1),
    ("a kind's header", {
        "gst-plugin/behavior/gstcow.c": c_file("model/network/resnet.h"),
        "model/network/resnet.h": C,
        "model/README.md": WHOLE["model/README.md"] + "`resnet`",
    }, "kind", 1),
    ("a kind's name in a comment", {
        "model/files/card.c": C + "/* as DINOv3's */ // and timm's\n",
    }, None, 0),
    ("the command line compares with a kind", {
        "trainer/cli/train.c": C + 'const char *kind = "resnet18";\n',
    }, "kind", 1),
    ("the command line has a kind's identifier", {
        "trainer/cli/train.c": C + "int resnet;\n",
    }, "kind", 1),
    ("the table of kinds, and recipes", {
        "model/adapter/kind.c": C + 'const char *kinds[] = { "dinov3", "resnet18" };\n',
        "model/README.md": WHOLE["model/README.md"] + "`kind`",
        "trainer/train/recipe-presets.c": C + 'const char *recipe = "kind=vit-small";\n',
        "trainer/README.md": "`cli/train.c`, `recipe-presets.c`\n",
    }, None, 0),
    ("a line of 101 columns in C", {"model/files/card.c": C + "/" * 101 + "\n"}, "width", 1),
    ("one of 100, with more bytes than that", {
        "model/files/card.c": C + "/*" + "é" * 96 + "*/\n",
    }, None, 0),
    ("one in a script without an extension", {".ci/run": SHELL + "#" * 101}, "width", 1),
    ("one in a meson.build", {
        "meson.build": WHOLE["meson.build"] + "#" * 101,
    }, "width", 1),
    ("one in prose", {"NEWS.md": "word " * 21}, "width", 1),
    ("one in a table, and one that a link makes long", {
        "NEWS.md": "| " + "word " * 21 + "|\nSee [this](https://example.org/" + "x" * 90 + ").\n",
    }, None, 0),
    ("a file that no README names", {"kernels/cpu/team.c": C}, "readme", 1),
    ("a word of a README that is no file", {
        "kernels/cpu/team.c": C,
        "kernels/README.md": WHOLE["kernels/README.md"] + "A `team` of threads.",
    }, "readme", 1),
    ("two rooms with files of one name, one of them named", {
        "model/network/card.c": C,
    }, "readme", 1),
    ("a folder without any README", {"pipelines/demo/cow.c": C}, "readme", 1),
    ("a README names a file that is gone", {
        "trainer/README.md": "`cli/train.c`, `cli/eval.{h,c}`\n",
    }, "readme-file", 2),
    ("a README links to what is gone", {"README.md": "[a](kernels/b.md)\n"}, "readme-file", 1),
    ("a path of a machine", {"tests/run.sh": SHELL + "cd /ho" + "me/me/cow\n"}, "path", 1),
    ("a path below a variable", {"tests/run.sh": SHELL + 'cd "$root/ho' + 'me/me"\n'}, None, 0),
    ("a registry", {"NEWS.md": "pip --index-url https://py" + "pi.org/simple\n"}, "registry", 1),
    ("something for later in a comment of C", {
        "model/files/card.c": C + "/* TO" + "DO: this */\n",
    }, "later", 1),
    ("in one of a script", {"tests/run.sh": SHELL + "true # FIX" + "ME\n"}, "later", 1),
    ("in a text", {"model/files/card.c": C + 'const char *t = "TO' + 'DO XXXXXX";\n'}, None, 0),
    ("code that is switched off", {"model/files/card.c": C + "#if " + "0\n#endif\n"}, "if-zero", 1),
    ("a source without a licence", {"model/files/card.c": "int a;\n"}, "spdx", 1),
    ("a licence in the second line", {"model/files/card.c": "\n" + C}, "spdx", 1),
    ("a script without a licence", {"tests/run.sh": "#!/bin/bash\n"}, "spdx", 1),
    ("a page quotes a text that stands on two lines, with a number in it", {
        "docs/troubleshooting.md": "> cow-trainer: ... needs ... MB of \"memory\",\n> sadly\n",
        "trainer/cli/train.c": C + 'const char *t = "%s: needs %" G_GUINT64_FORMAT " MB "\n'
        '  "of \\"memory\\", sadly";\nconst char *prefix = "cow-trainer: %s: needs %" '
        'G_GUINT64_FORMAT\n  " MB of \\"memory\\", sadly";\n',
    }, None, 0),
    ("a page quotes what nobody says any more", {
        "docs/troubleshooting.md": "# It fails\n\n> too little memory\n\n> needs ... memory\n",
        "trainer/cli/train.c": C + 'const char *t = "needs %d MB";\nconst char *u = "memory";\n',
    }, "quoted", 2),
    ("a page quotes a test", {
        "docs/troubleshooting.md": "> only a test says this\n",
        "tests/gst/test-it.c": C + 'const char *t = "only a test says this";\n',
    }, "quoted", 1),
    ("a report's tests are there, in every way to name them", {
        "tests/reports.md": "| case | test |\n|---|---|\n| 1 | /it/is, `/it/put-together` |\n"
        "| 2 | `gst-it`: is, many; `gst-it` /it/is |\n| 3 | `gst: const char` |\n",
        "tests/gst/test-it.c": C + 'const char *t[] = { "/it/is", "/it/", "put-together", '
        '"/it/many/" };\n',
    }, None, 0),
    ("a report's tests are gone", {
        "tests/reports.md": "| case | test | |\n|---|---|---|\n| 1 | /it/was | /it/no-test |\n"
        "| 2 | `gst-it`: is, was-not |\n| 3 | `gst: no such words` |\n",
        "tests/gst/test-it.c": C + 'const char *t = "/it/is";\n',
    }, "reports", 3),
    ("a report without a test", {
        "tests/reports.md": "| case | test |\n|---|---|\n| 1 | by hand |\n",
    }, "reports", 1),
]

# known.txt -> the faults that remain, where model/files/card.c alone breaks "spdx".
KNOWN = [
    ("nothing is listed", "", 1),
    ("the violation is listed", "# Of today.\nspdx: model/files/card.c | being mended\n", 0),
    ("one more is listed than there is",
     "spdx: model/files/card.c | old\nspdx: model/files/error.c | old\n", 1),
    ("another is listed", "spdx: model/files/error.c | old\n", 2),
    ("without a reason", "spdx: model/files/card.c\n", None),
    ("a rule that there is not", "licence: model/files/card.c | old\n", None),
]


def write(root, files):
    for name, text in files.items():
        where = os.path.join(root, name)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)


def broken(files):
    with tempfile.TemporaryDirectory() as root:
        write(root, files)
        return structure.check(root)


def test_rules(points):
    covered = set()
    for label, changed, rule, times in [("a tree that is whole", {}, None, 0)] + CASES:
        found = {r: list(s) for r, s in broken({**WHOLE, **changed}).items() if s}
        counts = {r: len(s) for r, s in found.items()}
        points.add(counts == ({rule: times} if rule else {}), label, f"found {found}")
        covered.add(rule)
    missing = set(structure.RULES) - covered
    points.add(not missing, "each rule has a case that breaks it", f"not {sorted(missing)}")


def test_known(points):
    found = broken({**WHOLE, "model/files/card.c": "int a;\n"})
    for label, text, expected in KNOWN:
        with tempfile.TemporaryDirectory() as root:
            write(root, {"known.txt": text})
            try:
                known = structure.read_known(os.path.join(root, "known.txt"))
                faults = sum(map(len, structure.compare(found, known).values()))
            except ValueError:
                faults = None
        points.add(faults == expected, f"known.txt: {label}", f"found {faults}")


def main(root, *options):
    known_file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")
    known = structure.read_known(known_file) if os.path.exists(known_file) else {}
    found = structure.check(root)
    if options:
        for rule, subjects in found.items():
            for subject, detail in subjects.items():
                print(f"{rule}: {subject} | {known.get((rule, subject), detail or 'new')}")
        return 0
    points = tap.Points()
    test_rules(points)
    test_known(points)
    for rule, faults in structure.compare(found, known).items():
        what = structure.RULES[rule].__doc__
        points.add(not faults, f"{rule}: {what}", *faults)
    if known:
        print(f"# {len(known)} known violations are left in tests/structure/known.txt")
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
