# SPDX-License-Identifier: MIT
"""What this project writes, opened by transformers, bitsandbytes and PEFT: the features must be those of the golden data.

check_interop.py COW_TRAINER RESAVE_ADAPTER DATA

For both golden networks: the folder that `cow-trainer quantize` makes of the fp32 one loads as a 4-bit model and gives the features that
`cow-trainer features` gives of it; each golden adapter, read and written again by us, loads in PEFT on the golden NF4 model and gives its golden features. Speaks TAP.
"""

import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel

NETWORKS = ["plain", "gated7b"]
ADAPTERS = ["lora_q_r8", "lora_all_r16", "dora_q_r8", "dora_all_r16"]
# The largest difference, of features of the order of 1. (Our folder is not compared with the golden NF4 features: our 8-bit scales are the
# nearest codes, bitsandbytes' own on CPUs now and then one beside them.)
LIMIT = 1e-4


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def load(folder):
    model = AutoModel.from_pretrained(folder, device_map="cpu").eval()
    kinds = {type(m).__name__ for n, m in model.named_modules() if n.endswith("_proj")}
    if kinds != {"Linear4bit"}:
        raise RuntimeError(f"{folder}: linear layers were loaded as {sorted(kinds)}, expected Linear4bit")
    for module in model.modules():
        # On CPUs with AVX512-BF16, newer bitsandbytes multiply in bf16 whatever the compute type says; this is their switch.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def distance(model, golden, tag, inputs=("pixel_values", "pixel_values_wide")):
    """The largest difference from the hidden states that `golden` holds, of each kind of input."""
    worst = 0.0
    for pixels in inputs:
        with torch.no_grad():
            out = model(pixel_values=golden[pixels])
        for name in ["last_hidden_state", "pooler_output"]:
            # A NaN must not pass for the smallest distance.
            difference = (out[name].float() - golden[f"{tag}.{pixels}.{name}"]).abs().max().item()
            worst = max(worst, difference) if difference == difference else float("inf")
    return worst


class Report:
    def __init__(self):
        self.n, self.failed = 0, 0

    def check(self, name, limit, function):
        self.n += 1
        try:
            worst = function()
            good, note = worst <= limit, f"largest difference {worst:.2e}, at most {limit}"
        except Exception as error:  # one adapter's failure must not hide the others'
            good, note = False, " ".join(str(error).split())
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} {name}\n# {note}", flush=True)


def main(trainer, resave, data):
    report = Report()
    print(f"1..{len(NETWORKS) * (1 + len(ADAPTERS))}")
    for network in NETWORKS:
        source = os.path.join(data, "golden", network)
        base = os.path.join(source, "nf4")
        golden = load_file(os.path.join(source, "io.safetensors"))
        with tempfile.TemporaryDirectory() as scratch:

            def quantised():
                ours = os.path.join(scratch, "nf4")
                run(trainer, "quantize", os.path.join(source, "fp32"), ours)
                worst = 0.0
                for pixels in ["pixel_values", "pixel_values_wide"]:
                    out = os.path.join(scratch, f"{pixels}.safetensors")
                    run(trainer, "features", f"{source}/io.safetensors:{pixels}", "--model", ours, "--out", out)
                    expected = {f"ours.{pixels}.{name}": tensor for name, tensor in load_file(out).items()}
                    worst = max(worst, distance(load(ours), {**golden, **expected}, "ours", [pixels]))
                return worst

            def adapted(adapter):
                again = os.path.join(scratch, adapter)
                run(resave, base, os.path.join(source, adapter), again)
                return distance(PeftModel.from_pretrained(load(base), again).eval(), golden, adapter)

            report.check(f"{network}/nf4", LIMIT, quantised)
            for adapter in ADAPTERS:
                report.check(f"{network}/{adapter}", LIMIT, lambda: adapted(adapter))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
