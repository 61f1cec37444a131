# SPDX-License-Identifier: MIT
"""Types what the README and docs/models.md say of first networks and pipelines. Speaks TAP.

    check_readme.py BUILD"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "tests", "report"))
import points as tap  # noqa: E402
import timm_hub  # noqa: E402

REPOSITORY = "timm/vit_small_patch16_dinov3.lvd1689m"
TIMM = ("docs/models.md", "## From timm, without an account", ["fetch", "info", "train", "predict"])
TRAINING = ("README.md", "## A first training", ["fetch", "check", "train", "eval"])
# What makes a training of hours one of seconds.
SHORT = ["--epochs", "1", "--size", "64"]


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def commands(page, heading, verb):
    """The lines of the examples below a heading that begin with a word; those that end in a
    backslash are joined."""
    section = re.split(r"\n#", read(page).split(heading + "\n", 1)[1])[0]
    block = "".join(re.findall(r"^    .*\n", section, re.MULTILINE))
    lines = [line.strip() for line in block.replace("\\\n", " ").strip().split("\n")]
    return [line for line in lines if line.startswith(verb + " ")]


def type_in(line, scratch, environment):
    done = subprocess.run(
        ["bash", "-c", line], cwd=scratch, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=600, check=False,
    )
    return done.returncode, done.stdout


def prepare(build, scratch):
    """Pictures of a barn, one of a cow, and a recording."""
    render = os.path.join(build, "pipelines", "demo", "cow-render-barn")

    def draw(*words):
        subprocess.run([render, *words], cwd=scratch, check=True, stdout=subprocess.DEVNULL)

    draw("pictures", "barn", "--style", "day", "--per-class", "6", "--split")
    draw("video", "barn.mp4", "--seconds", "1")
    shutil.copytree(os.path.join(scratch, "barn"), os.path.join(scratch, "cows"))
    folder = os.path.join(scratch, "barn", "test")
    kind = sorted(os.listdir(folder))[0]
    name = sorted(os.listdir(os.path.join(folder, kind)))[0]
    shutil.copy(os.path.join(folder, kind, name), os.path.join(scratch, "cow.jpg"))


def environment_of(build, scratch, hub):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "COWBEHAVIOR_"))}
    return {
        **clean,
        "PATH": f"{build}/trainer:{build}/pipelines:{clean['PATH']}",
        "GST_PLUGIN_PATH": os.path.join(build, "gst-plugin"),
        "GST_REGISTRY": os.path.join(scratch, "registry"),
        "COWBEHAVIOR_PATH": os.path.join(ROOT, "pipelines", "demo", "model"),
        "HOME": scratch,
        "XDG_DATA_HOME": os.path.join(scratch, "data"),
        "XDG_CACHE_HOME": os.path.join(scratch, "cache"),
        "HF_ENDPOINT": hub.address,
        "no_proxy": "127.0.0.1",
    }


def type_all(points, page, heading, verbs, scratch, environment):
    """{verb: what it said}"""
    lines, outputs = commands(page, heading, "cow-trainer"), {}
    found = [line.split()[1] for line in lines]
    points.add(found == verbs, f"{page} has its commands", "\n".join(lines))
    for line in lines:
        verb = line.split()[1]
        typed = f"{line} {' '.join(SHORT)}" if verb == "train" else line
        status, outputs[verb] = type_in(typed, scratch, environment)
        # check finds that the drawings are few, and says so by its status.
        points.add(status == 0 or (verb == "check" and status == 1), line, outputs[verb])
    return outputs


def check_timm(points, build, hub):
    with tempfile.TemporaryDirectory() as scratch:
        prepare(build, scratch)
        outputs = type_all(points, *TIMM, scratch, environment_of(build, scratch, hub))
    points.add(sorted(hub.asked) == ["README.md", "config.json", "model.safetensors"],
               "what is read is fetched, and nothing else", repr(hub.asked))
    for words in ("dinov3-license", "imagenet"):
        points.add(words in outputs["info"], f"info names {words}", outputs["info"])
    label = re.search(r"^cow\.jpg,[^,]+,0\.\d+", outputs["predict"], re.MULTILINE)
    points.add(label is not None, "the picture has a label", outputs["predict"])


def check_readme(points, build, hub):
    with tempfile.TemporaryDirectory() as scratch:
        prepare(build, scratch)
        environment = environment_of(build, scratch, hub)
        outputs = type_all(points, *TRAINING, scratch, environment)
        points.add("ccuracy" in outputs["eval"], "the adapter is measured", outputs["eval"])
        for line in commands("README.md", "## A first pipeline", "cow-pipeline"):
            line = line.replace("MODEL", "drawn-cows").replace("ADAPTER", "drawn-cows-day")
            status, said = type_in(line, scratch, environment)
            size = os.path.getsize(os.path.join(scratch, "labelled.mp4")) if status == 0 else 0
            points.add(size > 10000, line, said)
        for line in commands("README.md", "## A first pipeline", "gst-launch-1.0"):
            line = line.replace("MODEL", "drawn-cows").replace("ADAPTER", "drawn-cows-day")
            status, said = type_in(line, scratch, environment)
            points.add(status == 0, line, said)
            with open(os.path.join(scratch, "events.csv"), encoding="utf-8") as file:
                rows = file.read().splitlines()
            # A header, and every fifth of 15 frames.
            points.add(len(rows) == 4, "the table has a row for each classified frame", *rows)
    points.add(len(read("README.md").split("\n")) <= 120, "the README is one page")


def main(build):
    points = tap.Points()
    check_timm(points, build, timm_hub.Hub(REPOSITORY))
    check_readme(points, build, timm_hub.Hub(REPOSITORY))
    same = commands(*TRAINING[:2], "cow-trainer")
    points.add(commands("docs/getting-started.md", TRAINING[1], "cow-trainer") == same,
               "getting-started trains as the README does")
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
