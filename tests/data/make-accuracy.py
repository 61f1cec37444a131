#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes golden/accuracy.safetensors, with which tests/demo/test-accuracy.c judges every precision:
what transformers computes in float64 for networks of the formula's weights and of their outlier
variant (pipelines/demo/formula-outliers.h). Made with torch 2.15, transformers 5.24, safetensors
0.8 and NumPy 2.4:

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors
    venv/bin/python tests/data/make-accuracy.py build/pipelines/demo/cow-formula-model

SIZE.WEIGHTS.STORAGE is the pooler_output [pictures, hidden] of a SIZE with WEIGHTS formula or
outliers, STORAGE fp32 or nf4 (the exact values of NF4); of tiny there is also .last_hidden_state
[pictures, tokens, hidden]. Values are rounded to fp32. Picture p has squares of SQUARES[p] px of
formula values (u of formula.h) by the name accuracy.picture.P, in [-1, 1].

It prints how the outliers of each network are distributed, and fails when a network does not have
those that the header promises, or when two pictures look alike to it.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import DINOv3ViTConfig, DINOv3ViTModel

GOLDEN = pathlib.Path(__file__).parent / "golden"
SIDES = {"tiny": 64, "vits16": 96, "vitb16": 96}  # px
SQUARES = [1, 8, 32]
ALIKE = 0.97  # cosine


# ---- pictures


def formula(name, count):
    """u of formula.h."""
    state = 0x811C9DC5
    for byte in name.encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(state)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x85EBCA6B)
        x ^= x >> np.uint32(13)
        x *= np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
    return (x / 2.0**31 - 1).astype(np.float32)


def picture(p, side):
    """[3, side, side]"""
    n = side // SQUARES[p]
    u = formula(f"accuracy.picture.{p}", 3 * n * n).reshape(3, n, n)
    return u.repeat(SQUARES[p], axis=1).repeat(SQUARES[p], axis=2)


# ---- weights


def dequantise(tensors, name):
    """The values of an NF4 weight with quantised absmax, in fp32 as bitsandbytes computes them."""
    state = json.loads(bytes(tensors[name + ".quant_state.bitsandbytes__nf4"].tolist()))
    absmax = tensors[name + ".nested_quant_map"][tensors[name + ".absmax"].long()]
    nested = tensors[name + ".nested_absmax"].repeat_interleave(state["nested_blocksize"])
    absmax = absmax * nested[: len(absmax)] + torch.tensor(state["nested_offset"])
    packed = tensors[name].flatten().long()
    codes = torch.stack([packed >> 4, packed & 15], dim=1).flatten()
    scale = absmax.repeat_interleave(state["blocksize"])[: len(codes)]
    return (tensors[name + ".quant_map"][codes] * scale).reshape(state["shape"])


def read_weights(path):
    tensors = load_file(path)
    quantised = {n.rsplit(".", 2)[0] for n in tensors if n.endswith("bitsandbytes__nf4")}
    parts = {f"{name}.{part}" for name in quantised for part in
             ("quant_map", "nested_absmax", "nested_quant_map", "absmax",
              "quant_state.bitsandbytes__nf4")}  # fmt: skip
    return {
        name: dequantise(tensors, name) if name in quantised else tensor
        for name, tensor in tensors.items()
        if name not in parts
    }


def check_dequantise():
    """bitsandbytes decoded one network of the golden data."""
    expected = load_file(GOLDEN / "plain" / "nf4" / "dequantised.safetensors")
    found = read_weights(GOLDEN / "plain" / "nf4" / "model.safetensors")
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


def open_model(folder):
    config = json.loads((folder / "config.json").read_text())
    config.pop("quantization_config", None)
    model = DINOv3ViTModel(DINOv3ViTConfig(**config))
    weights = read_weights(folder / "model.safetensors")
    # Each version of transformers puts its own prefix before the layers' names.
    own = model.state_dict()
    renamed = {
        next(n for n in (name, "model." + name) if n in own): tensor
        for name, tensor in weights.items()
    }
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    assert not unexpected and all("inv_freq" in name for name in missing), (missing, unexpected)
    return model.double().eval()


# ---- distribution


def describe(states):
    """Prints and yields what is large in each of the residual streams [pictures, tokens, hidden],
    which are those behind the embedding and behind each layer."""
    for i, state in enumerate(states):
        size = state.abs()
        channels = size[:, 5:].mean(dim=(0, 1)).sort(descending=True)
        median = size[:, 5:].median()
        norms = state.norm(dim=2).mean(dim=0)
        ratios = " ".join(f"{r:.0f}" for r in channels.values[:5] / median)
        tokens = " ".join(f"{r:.1f}" for r in norms[:5] / norms[5:].median())
        print(
            f"  {'behind layer ' + str(i) if i else 'embedding':16} median |x| {median:.2f}; "
            f"largest channels / median: {ratios}; norms of class token and registers / "
            f"median of the patches': {tokens}"
        )
        yield channels.values[:5] / median, norms[:5] / norms[5:].median()


def check_outliers(states):
    for channels, tokens in describe(states):
        assert (500 < channels[:2]).all() and (channels[:2] < 2000).all(), channels
        assert (50 < channels[2:4]).all() and (channels[2:4] < 200).all(), channels
        assert channels[4] < 20, channels
        assert tokens[0] > 20 and (tokens[1:] > 20).sum() == 1, tokens


def check_pictures(features):
    unit = features / features.norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T)[~torch.eye(len(unit), dtype=bool)]
    print(f"  |features| up to {features.abs().max():.2f}, cosine between pictures "
          f"{cosines.min():.3f} to {cosines.max():.3f}")  # fmt: skip
    assert cosines.max() < ALIKE


# ---- everything


def compute(model, size, outliers):
    pixels = torch.from_numpy(np.stack([picture(p, SIDES[size]) for p in range(len(SQUARES))]))
    states = []
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, out: states.append(out[0] if isinstance(out, tuple) else out)
        )
        for name, module in model.named_modules()
        if name.endswith("embeddings") and "rope" not in name and "patch" not in name
        or type(module).__name__ == "DINOv3ViTLayer"
    ]
    with torch.inference_mode():
        result = model(pixel_values=pixels.double())
    for hook in hooks:
        hook.remove()
    assert torch.isfinite(result.last_hidden_state).all()
    if outliers:
        check_outliers(states)
    check_pictures(result.pooler_output)
    return result


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make-accuracy.py COW-FORMULA-MODEL")
    check_dequantise()
    golden = {}
    for size in SIDES:
        for weights in ["formula", "outliers"]:
            for storage in ["fp32", "nf4"]:
                name = f"{size}.{weights}.{storage}"
                print(name)
                options = ["--outliers"] * (weights == "outliers") + ["--nf4"] * (storage == "nf4")
                with tempfile.TemporaryDirectory() as folder:
                    subprocess.run([sys.argv[1], size, folder, *options], check=True)
                    model = open_model(pathlib.Path(folder))
                result = compute(model, size, weights == "outliers")
                golden[name] = result.pooler_output.float()
                if size == "tiny":
                    golden[name + ".last_hidden_state"] = result.last_hidden_state.float()
    save_file({n: t.contiguous() for n, t in golden.items()}, GOLDEN / "accuracy.safetensors")


if __name__ == "__main__":
    main()
