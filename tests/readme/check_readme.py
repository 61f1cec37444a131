# SPDX-License-Identifier: MIT
"""Types what the README says below "From timm, without an account". Speaks TAP.

    check_readme.py BUILD"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import points as tap  # noqa: E402
import timm_hub  # noqa: E402

HEADING = "### From timm, without an account"
REPOSITORY = "timm/vit_small_patch16_dinov3.lvd1689m"
# What makes a training of hours one of seconds.
SHORT = ["--epochs", "1", "--size", "64"]


def commands(readme):
    """The lines of the first example below the heading, those that end in a backslash joined."""
    section = readme.split(HEADING, 1)[1].split("\n#", 1)[0]
    block = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)[0]
    return [line.strip() for line in block.replace("\\\n", " ").strip().split("\n")]


def type_in(words, scratch, environment):
    done = subprocess.run(
        words, cwd=scratch, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=600, check=False,
    )
    return done.returncode, done.stdout


def prepare(build, scratch):
    """Pictures of a barn, and one of a cow."""
    render = os.path.join(build, "pipelines", "demo", "cow-render-barn")
    subprocess.run(
        [render, "pictures", "barn", "--style", "day", "--per-class", "6", "--split"],
        cwd=scratch, check=True, stdout=subprocess.DEVNULL,
    )
    folder = os.path.join(scratch, "barn", "test")
    kind = sorted(os.listdir(folder))[0]
    name = sorted(os.listdir(os.path.join(folder, kind)))[0]
    shutil.copy(os.path.join(folder, kind, name), os.path.join(scratch, "cow.jpg"))


def environment_of(build, scratch, hub):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "COWBEHAVIOR_"))}
    return {
        **clean,
        "PATH": os.path.join(build, "trainer") + ":" + clean["PATH"],
        "HOME": scratch,
        "XDG_DATA_HOME": os.path.join(scratch, "data"),
        "XDG_CACHE_HOME": os.path.join(scratch, "cache"),
        "HF_ENDPOINT": hub.address,
        "no_proxy": "127.0.0.1",
    }


def main(build):
    points = tap.Points()
    with open("README.md", encoding="utf-8") as file:
        lines = commands(file.read())
    verbs = [line.split()[1] for line in lines]
    points.add(verbs == ["fetch", "info", "train", "predict"], "the README has its commands",
               "\n".join(lines))
    hub = timm_hub.Hub(REPOSITORY)
    with tempfile.TemporaryDirectory() as scratch:
        prepare(build, scratch)
        environment, outputs = environment_of(build, scratch, hub), {}
        for line in lines:
            words = line.split()
            status, outputs[words[1]] = type_in(
                words + (SHORT if words[1] == "train" else []), scratch, environment
            )
            points.add(status == 0, line, outputs[words[1]])
        points.add(sorted(hub.asked) == ["README.md", "config.json", "model.safetensors"],
                   "what is read is fetched, and nothing else", repr(hub.asked))
        for words in ("dinov3-license", "imagenet"):
            points.add(words in outputs["info"], f"info names {words}", outputs["info"])
        label = re.search(r"^cow\.jpg,[^,]+,0\.\d+", outputs["predict"], re.MULTILINE)
        points.add(label is not None, "the picture has a label", outputs["predict"])
    print(f"1..{points.number}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
