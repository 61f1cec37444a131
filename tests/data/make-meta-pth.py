#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes golden/{plain,gated7b}/meta.pth (the fp32 networks under the names of Meta's own
checkpoints) and the seeds of tests/fuzz.

Run once, by hand, in this folder; needs torch and safetensors. The results are committed, and no
test runs this.
"""

import math
import re

import torch
from safetensors.torch import load_file, save_file

TOP = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "storage_tokens",
    "embeddings.mask_token": "mask_token",
    "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
}
BLOCK = {
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.gate_proj": "mlp.w1",
}


def to_meta(tensors):
    gated = any("gate_proj" in name for name in tensors)
    block = BLOCK | {
        "mlp.up_proj": "mlp.w2" if gated else "mlp.fc1",
        "mlp.down_proj": "mlp.w3" if gated else "mlp.fc2",
    }
    meta = {}
    for name, tensor in tensors.items():
        found = re.fullmatch(r"layer\.(\d+)\.(.*)", name)
        if name in TOP:
            meta[TOP[name]] = tensor[0] if name.endswith("mask_token") else tensor
        elif not found:
            meta[name] = tensor
        elif not re.match(r"attention\.[qkv]_proj", found[2]):
            rest = next(
                (
                    found[2].replace(ours, theirs)
                    for ours, theirs in block.items()
                    if found[2].startswith(ours)
                ),
                found[2],
            )
            meta[f"blocks.{found[1]}.{rest}"] = tensor
    for n in sorted({int(name.split(".")[1]) for name in tensors if name.startswith("layer.")}):
        q, k, v = (tensors[f"layer.{n}.attention.{part}_proj.weight"] for part in "qkv")
        meta[f"blocks.{n}.attn.qkv.weight"] = torch.cat([q, k, v])
        if f"layer.{n}.attention.q_proj.bias" in tensors:
            q, v = (tensors[f"layer.{n}.attention.{part}_proj.bias"] for part in "qv")
            # Meta masks k's third, whatever stands there: NaN shows a reader that uses it.
            meta[f"blocks.{n}.attn.qkv.bias"] = torch.cat([q, torch.full_like(q, math.nan), v])
            meta[f"blocks.{n}.attn.qkv.bias_mask"] = torch.cat(
                [torch.ones_like(q), torch.zeros_like(q), torch.ones_like(v)]
            )
    meta["rope_embed.periods"] = torch.ones(16)
    if gated:
        meta["local_cls_norm.weight"] = torch.ones(128)
        meta["local_cls_norm.bias"] = torch.zeros(128)
    return meta


def main():
    for network in ("plain", "gated7b"):
        torch.save(
            to_meta(load_file(f"golden/{network}/fp32/model.safetensors")),
            f"golden/{network}/meta.pth",
        )
    seeds = "../fuzz/corpus/torchfile"
    small = torch.nn.Linear(3, 2)
    torch.save(
        {"model": small.state_dict(), "epoch": 3, "rate": 0.5, "name": "x"}, f"{seeds}/state.pth"
    )
    torch.save(
        {
            "weight": torch.nn.Parameter(torch.ones(2, 3)),
            "half": [torch.ones(4).half(), torch.ones((), dtype=torch.bfloat16)],
        },
        f"{seeds}/parameter.pth",
        pickle_protocol=4,
    )
    tensors = {
        "model.layer.0.norm1.weight": torch.ones(4),
        "blocks.0.attn.qkv.weight": torch.ones(6, 2).half(),
        "blocks.0.attn.qkv.bias": torch.ones(6).bfloat16(),
        "mask_token": torch.ones(1, 2).double(),
        "layer.0.attention.q_proj.weight.absmax": torch.ones(3, dtype=torch.uint8),
        "empty": torch.ones(0, 5),
        "scalar": torch.tensor(1.0),
    }
    save_file(
        tensors,
        f"{seeds}/types.safetensors",
        metadata={"format": "pt", "note": 'quotes " and \\ and é'},
    )
    save_file({"w": torch.ones(2)}, f"{seeds}/small.safetensors")


main()
