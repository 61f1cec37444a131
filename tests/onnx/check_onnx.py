# SPDX-License-Identifier: MIT
"""Runs what `cow-trainer export` writes in ONNX Runtime.

check_onnx.py COW_TRAINER TRAIN_NETWORK DATA DEMO

For each kind of network (DINOv3 plain and gated, in fp32 and NF4, with LoRA, DoRA or none; DINOv2
with positions for other sizes; networks from scratch; the demonstration's): onnx's checker accepts
the file with full inference of shapes, and ONNX Runtime gives the numbers of `cow-trainer features`
for one picture and for three. The metadata are those of the card. Speaks TAP.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

# The largest difference, of features and logits of the order of 1.
LIMIT = 1e-4
# Adapters that are trained for this: network, base, kind, targets, rank.
TRAINED = [
    ("plain", "fp32", "lora", "all-linear", 4),
    ("plain", "nf4", "lora", "q_proj", 3),
    ("plain", "nf4", "dora", "all-linear", 8),
    ("gated7b", "nf4", "dora", "all-linear", 2),
    ("gated7b", "fp32", "lora", "v_proj", 3),
]
# Networks from scratch: kind, side in pixels.
SCRATCH = [("dinov3", 64), ("resnet18", 96), ("vit-small", 224)]
CLASSES = [
    "Drinking",
    "Feeding head down",
    "Feeding head up",
    "Lying",
    "Standing",
    "Walking",
    "frontal_pushing",
    "gallop",
    "leap",
]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def largest(a, b):
    """The largest difference; a NaN is infinitely large."""
    if a.shape != b.shape:
        raise RuntimeError(f"shapes {a.shape} and {b.shape}")
    worst = float(numpy.abs(a - b).max())
    return worst if worst == worst else float("inf")


class Report:
    def __init__(self):
        self.n, self.failed = 0, 0

    def check(self, name, function):
        self.n += 1
        try:
            worst = function()
            good, note = worst <= LIMIT, f"largest difference {worst:.2e}, at most {LIMIT}"
        except Exception as error:  # one network's failure must not hide the others'
            good, note = False, " ".join(str(error).split())
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} {name}\n# {note}", flush=True)


class Bench:
    """A folder to work in, and the programs."""

    def __init__(self, trainer, train, scratch):
        self.trainer, self.train, self.scratch = trainer, train, scratch

    def path(self, name):
        return os.path.join(self.scratch, name)

    def pixels(self, height, width, seed=1):
        """A file with three pictures."""
        file = self.path("pixels.safetensors")
        random = numpy.random.default_rng(seed)
        values = random.random((3, 3, height, width), dtype=numpy.float32)
        save_file({"pixel_values": values}, file)
        return file, values

    def features(self, file, *names):
        out = self.path("features.safetensors")
        run(self.trainer, "features", f"{file}:pixel_values", "--out", out, *names)
        return load_file(out)

    def compare(self, file, pixels, *names, options=()):
        """Exports what the names mean and compares it with this program on the pixels."""
        path, ours = self.path("network.onnx"), self.features(file, *names)
        run(self.trainer, "export", "--out", path, *options, *names)
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        shape = session.get_inputs()[0].shape
        if shape != ["batch", 3, *pixels.shape[2:]]:
            raise RuntimeError(f"the input is {shape}")
        worst = 0.0
        for n in [1, 3]:
            theirs = dict(
                zip(
                    [output.name for output in session.get_outputs()],
                    session.run(None, {"pixel_values": pixels[:n]}),
                )
            )
            worst = max(worst, largest(theirs["features"], ours["pooler_output"][:n]))
            if ("logits" in ours) != ("logits" in theirs):
                raise RuntimeError(f"the outputs are {sorted(theirs)}")
            if "logits" in ours:
                worst = max(worst, largest(theirs["logits"], ours["logits"][:n]))
                worst = max(worst, self.probabilities(session, theirs))
        return worst

    def probabilities(self, session, theirs):
        """They are the softmax of the logits at the temperature that the metadata tell."""
        metadata = session.get_modelmeta().custom_metadata_map
        powers = theirs["logits"] / json.loads(metadata["temperature"])[0]
        powers = numpy.exp(powers - powers.max(axis=1, keepdims=True))
        return largest(theirs["probabilities"], powers / powers.sum(axis=1, keepdims=True))

    def trained(self, source, kind, targets, rank):
        file, pixels = self.pixels(64, 64)
        folder = self.path("adapter")
        run(self.train, kind, folder, file, source, targets, str(rank))
        worst = self.compare(file, pixels, "--model", source, "--adapter", folder)
        plain = self.features(file, "--model", source)["pooler_output"]
        adapted = self.features(file, "--model", source, "--adapter", folder)["pooler_output"]
        if largest(plain, adapted) < 0.01:
            raise RuntimeError("the trained adapter changes nothing")
        return worst

    def from_scratch(self, kind, side):
        file, pixels = self.pixels(side, side)
        folder = self.path(kind)
        run(self.train, kind, folder, file)
        return self.compare(file, pixels, "--adapter", folder)

    def bare(self, source, height, width):
        """A base alone, prepared as its card says."""
        card = {
            "format": 1,
            "kind": "frozen",
            "classes": CLASSES,
            "preprocess": {
                "size": [height, width],
                "interpolation": "bilinear",
                "normalisation": "unit",
            },
        }
        model = self.path("bare")
        os.makedirs(model)
        for name in os.listdir(source):
            os.symlink(os.path.abspath(os.path.join(source, name)), os.path.join(model, name))
        with open(os.path.join(model, "cowbehavior.json"), "w") as out:
            json.dump(card, out)
        file, pixels = self.pixels(height, width)
        return self.compare(file, pixels, "--model", model)

    def apart(self, source):
        """The values in a file of their own, which the graph finds by its name."""
        file, pixels = self.pixels(64, 64)
        folder = self.path("frozen")
        run(self.train, "lora", folder, file, source, "q_proj", "2")
        names = ["--model", source, "--adapter", folder]
        worst = self.compare(file, pixels, *names, options=["--external-data"])
        size = os.path.getsize(self.path("network.onnx"))
        if size > 150000 or os.path.getsize(self.path("network.onnx.data")) < 1000000:
            raise RuntimeError(f"the graph has {size} bytes beside its values")
        again = subprocess.run(
            [self.trainer, "export", "--out", self.path("network.onnx"), "--external-data", *names],
            capture_output=True,
            text=True,
        )
        if again.returncode != 1 or "there already" not in again.stderr:
            raise RuntimeError("a graph whose values are apart was written over")
        return worst

    def demonstration(self, demo):
        """A shipped adapter: its metadata are its card's."""
        model, adapter = os.path.join(demo, "drawn-cows"), os.path.join(demo, "drawn-cows-day")
        with open(os.path.join(adapter, "cowbehavior.json")) as text:
            card = json.load(text)
        prepared = card["preprocess"]
        height, width = prepared["size"]
        file, pixels = self.pixels(height, width)
        worst = self.compare(file, pixels, "--model", model, "--adapter", adapter)
        session = onnxruntime.InferenceSession(self.path("network.onnx"))
        found = session.get_modelmeta().custom_metadata_map
        expected = {
            "width": str(width),
            "height": str(height),
            "channels": "RGB",
            "interpolation": prepared["interpolation"],
            "divided_by": "255",
        }
        for key, value in expected.items():
            if found.get(key) != value:
                raise RuntimeError(f"{key} is {found.get(key)}, the card says {value}")
        if json.loads(found["classes"]) != card["classes"]:
            raise RuntimeError(f"classes are {found['classes']}")
        numbers = [0.485, 0.456, 0.406, 0.229, 0.224, 0.225]
        if json.loads(found["mean"]) + json.loads(found["std"]) != numbers:
            raise RuntimeError(f"mean {found['mean']}, std {found['std']}")
        return worst


def dinov2(folder, registers):
    """A small DINOv2 of random weights; its positions are of 7 x 7 patches."""
    random = numpy.random.default_rng(2)
    hidden, inner, patch = 64, 256, 14
    os.makedirs(folder)
    config = {
        "model_type": "dinov2_with_registers" if registers else "dinov2",
        "hidden_size": hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 4,
        "image_size": 98,
        "patch_size": patch,
        "use_swiglu_ffn": False,
    }
    if registers:
        config["num_register_tokens"] = registers
    shapes = {
        "embeddings.cls_token": (1, 1, hidden),
        "embeddings.mask_token": (1, hidden),
        "embeddings.position_embeddings": (1, 50, hidden),
        "embeddings.patch_embeddings.projection.weight": (hidden, 3, patch, patch),
        "embeddings.patch_embeddings.projection.bias": (hidden,),
        "layernorm.weight": (hidden,),
        "layernorm.bias": (hidden,),
    }
    if registers:
        shapes["embeddings.register_tokens"] = (1, registers, hidden)
    for layer in range(2):
        sizes = {
            "attention.attention.query": (hidden, hidden),
            "attention.attention.key": (hidden, hidden),
            "attention.attention.value": (hidden, hidden),
            "attention.output.dense": (hidden, hidden),
            "mlp.fc1": (inner, hidden),
            "mlp.fc2": (hidden, inner),
        }
        for name, shape in sizes.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        for name in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"]:
            shapes[f"encoder.layer.{layer}.{name}"] = (hidden,)
        for name in ["layer_scale1.lambda1", "layer_scale2.lambda1"]:
            shapes[f"encoder.layer.{layer}.{name}"] = (hidden,)
    tensors = {
        name: (random.standard_normal(shape) * 0.1 + ("norm" in name)).astype(numpy.float32)
        for name, shape in shapes.items()
    }
    save_file(tensors, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config, out)


def main(trainer, train, data, demo):
    report, golden = Report(), os.path.join(data, "golden")

    def check(name, function):
        with tempfile.TemporaryDirectory() as scratch:
            report.check(name, lambda: function(Bench(trainer, train, scratch)))

    print(f"1..{len(TRAINED) + len(SCRATCH) + 7}")
    for network, base, kind, targets, rank in TRAINED:
        source = os.path.join(golden, network, base)
        check(
            f"{network}/{base}/{kind}-{targets}",
            lambda bench: bench.trained(source, kind, targets, rank),
        )
    for kind, side in SCRATCH:
        check(f"scratch/{kind}", lambda bench: bench.from_scratch(kind, side))
    check("plain/wide", lambda bench: bench.bare(os.path.join(golden, "plain", "fp32"), 48, 80))
    for registers in [0, 4]:
        for height, width in [(98, 98), (56, 140)]:

            def made(bench):
                dinov2(bench.path("dinov2"), registers)
                return bench.bare(bench.path("dinov2"), height, width)

            check(f"dinov2/{registers}-registers/{height}x{width}", made)
    check("external-data", lambda bench: bench.apart(os.path.join(golden, "plain", "nf4")))
    check("demonstration", lambda bench: bench.demonstration(demo))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
