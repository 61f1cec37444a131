# SPDX-License-Identifier: MIT
"""Times torch (bf16, SDPA, compiled) and bitsandbytes (NF4, bf16) on a GPU, with the networks that
run.sh times: python3 gpu-peers.py RESULTS_JSON FOLDER... Each folder is a DINOv3 model in fp32,
named as in run.sh's table. It prints a line a measurement and appends it to the file."""

import json
import os
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from peers import CLASSES, LINEAR, SIDE, quantise  # noqa: E402

BATCHES = (1, 8, 32)
SECONDS = 1.0


def median_ms(run, batch):
    """Milliseconds a picture of the median pass, each waited for."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    times, end = [], time.monotonic() + SECONDS
    while len(times) < 3 or time.monotonic() < end:
        begin = time.monotonic()
        run()
        torch.cuda.synchronize()
        times.append(time.monotonic() - begin)
    return statistics.median(times) * 1000 / batch


def network_of(folder):
    from transformers import AutoModel

    network = AutoModel.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa")
    return network.to("cuda").eval()


def forward_of(network, batch):
    pixels = torch.rand(batch, 3, SIDE, SIDE, device="cuda", dtype=torch.bfloat16)

    def run():
        with torch.inference_mode():
            network(pixel_values=pixels)

    return run


def step_of(folder, batch, dora):
    """QLoRA or QDoRA of rank 16 (the 7B: 64) on every linear layer, as run.sh trains."""
    from peft import LoraConfig, get_peft_model

    network = network_of(folder)
    width = network.config.hidden_size
    rank = 64 if width == 4096 else 16
    quantise(network, torch.bfloat16, "cuda")
    network = get_peft_model(
        network,
        LoraConfig(
            r=rank, lora_alpha=rank, lora_dropout=0.1, use_dora=dora, target_modules=LINEAR
        ),
    ).train()
    head = torch.nn.Linear(width, CLASSES).to("cuda")
    parameters = [p for p in network.parameters() if p.requires_grad] + list(head.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=1e-4)
    pixels = torch.rand(batch, 3, SIDE, SIDE, device="cuda", dtype=torch.bfloat16)
    labels = torch.randint(0, CLASSES, (batch,), device="cuda")

    def run():
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            logits = head(network(pixel_values=pixels).pooler_output)
            loss = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=0.1)
        loss.backward()
        optimiser.step()

    return run


def compiled(folder):
    return torch.compile(network_of(folder), mode="max-autotune-no-cudagraphs")


def quantised(folder):
    network = network_of(folder)
    quantise(network, torch.bfloat16, "cuda")
    return network


def measure(results, what, batch, make):
    try:
        ms = median_ms(make(), batch)
        result, more = f"{ms:.3f} ms, {1000 / ms:.1f} a second", {"ms": ms}
    except Exception as error:  # a peer that is not installed, or that has no memory
        result, more = f"not measured: {str(error).splitlines()[0][:80]}", {}
    print(f"{what:<52} {result}", flush=True)
    with open(results, "a") as file:
        file.write(json.dumps({"what": what, "result": result, **more}) + "\n")
    torch.cuda.empty_cache()


def main():
    results, folders = sys.argv[1], sys.argv[2:]
    for folder in folders:
        name = os.path.basename(folder)
        for kind, make in (("torch bf16 compiled", compiled), ("bitsandbytes NF4", quantised)):
            network = None
            for batch in BATCHES:

                def run(batch=batch):
                    nonlocal network
                    network = network or make(folder)
                    return forward_of(network, batch)

                measure(results, f"{name} {kind} batch {batch}", batch, run)
        batch = 4 if name.startswith("7B") else 8
        for method, dora in (("QLoRA", False), ("DoRA", True)):
            measure(
                results,
                f"{name} PEFT {method} batch {batch}",
                batch,
                lambda dora=dora: step_of(folder, batch, dora),
            )


main()
