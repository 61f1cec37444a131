# SPDX-License-Identifier: MIT
"""Opens what this project writes with transformers, bitsandbytes and PEFT, and vice versa.

check_interop.py COW_TRAINER RESAVE_ADAPTER TRAIN_NETWORK REPLAY_DETECTOR DATA

For both golden networks:
- the folder that `cow-trainer quantize` makes from the fp32 one loads as a 4-bit model and gives
  the features of `cow-trainer features`;
- each golden adapter, read and written again by us, loads in PEFT on the golden NF4 model and gives
  its golden features;
- adapters that we trained load in PEFT and give our features, and with the head our logits;
- adapters that PEFT makes with settings that the golden ones lack give PEFT's features here;
- rsLoRA, LoRA+, PiSSA and OLoRA: first values are PEFT's, and after some steps of PEFT's own
  optimiser on the same pictures its network gives our logits; what we save opens in PEFT on the
  base as it is, in 4 bits too.

Networks that we trained from scratch are opened by other programs: a DINOv3 by transformers, a
ResNet-18 by torchvision, a ViT-Small by timm; the last two only if those are installed.

Networks that others publish, random weights under their real names: each of timm's DINOv3 and
DINOv2, shortened to a layer or two, in the folder that timm writes; transformers' DINOv2; and
adapters that PEFT makes of them.

The head that finds animals in frames: its cells, its losses and all gradients are torch's. Speaks
TAP.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from transformers import AutoModel

NETWORKS = ["plain", "gated7b"]
ADAPTERS = ["lora_q_r8", "lora_all_r16", "dora_q_r8", "dora_all_r16"]
# Adapters that we train: kind, target, rank.
TRAINED = [
    ("lora", "all-linear", 4),
    ("lora", "v_proj", 3),
    ("dora", "all-linear", 8),
    ("dora", "q_proj", 1),
]
# Adapters that PEFT makes, with other settings than the golden ones.
MADE = {
    "rslora": {
        "r": 6,
        "lora_alpha": 5,
        "use_rslora": True,
        "target_modules": ["k_proj", "up_proj"],
    },
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "rank_pattern": {"layer.1.attention.q_proj": 2},
        "alpha_pattern": {"o_proj": 3},
        "target_modules": ["q_proj", "o_proj"],
    },
    "dora-one-layer": {
        "r": 5,
        "lora_alpha": 7,
        "use_dora": True,
        "target_modules": ["v_proj", "down_proj"],
        "layers_to_transform": [1],
    },
    "dora-rslora": {
        "r": 4,
        "lora_alpha": 3,
        "use_dora": True,
        "use_rslora": True,
        "target_modules": "all-linear",
    },
}
# Recipes that PEFT follows: kind, target, rank, first values, rsLoRA, ratio of LoRA+'s rates.
FOLLOWED = {
    "plain": ("lora", "all-linear", 4, "default", False, 1),
    "rslora": ("lora", "q_proj", 9, "default", True, 1),
    "lora+": ("lora", "all-linear", 4, "default", False, 16),
    "dora+": ("dora", "v_proj", 3, "default", False, 4),
    "pissa": ("lora", "all-linear", 4, "pissa", False, 1),
    "pissa-rslora": ("lora", "up_proj", 9, "pissa", True, 8),
    "olora": ("lora", "all-linear", 4, "olora", False, 1),
    "olora-rslora": ("lora", "down_proj", 16, "olora", True, 2),
}
INITS = ["default", "pissa", "olora"]
# After steps of Adam, whose first ones are signs of gradients however small.
LIMIT_STEPS = 5e-4
# The largest difference, of features of the order of 1. (Our folder is not compared with the golden
# NF4 features: our 8-bit scales are the nearest codes, bitsandbytes' own on CPUs now and then one
# beside them.)
LIMIT = 1e-4


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def load(folder):
    model = AutoModel.from_pretrained(folder, device_map="cpu").eval()
    kinds = {type(m).__name__ for n, m in model.named_modules() if n.endswith("_proj")}
    if kinds != {"Linear4bit"}:
        raise RuntimeError(
            f"{folder}: linear layers were loaded as {sorted(kinds)}, expected Linear4bit"
        )
    for module in model.modules():
        # On CPUs with AVX512-BF16, newer bitsandbytes multiply in bf16 whatever the compute type
        # says; this is their switch.
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


def head_logits(folder, features):
    """The head of an adapter in torch: Linear and ReLU in turn, or LayerNorm, Linear, GELU."""
    tensors = load_file(os.path.join(folder, "classifier.safetensors"))
    numbers = sorted({int(name.split(".")[0]) for name in tensors})
    x, activation = features, torch.nn.functional.relu
    if tensors[f"{numbers[0]}.weight"].dim() == 1:
        norm, activation = numbers.pop(0), torch.nn.functional.gelu
        x = torch.nn.functional.layer_norm(
            x, x.shape[1:], tensors[f"{norm}.weight"], tensors[f"{norm}.bias"]
        )
    for number in numbers:
        x = x @ tensors[f"{number}.weight"].T + tensors[f"{number}.bias"]
        x = x if number == numbers[-1] else activation(x)
    return x


def largest(pairs):
    """The largest difference of pairs of tensors; a NaN is infinitely large."""
    worst = max(
        (a.float() - b.float()).abs().max().item() if torch.isfinite(a).all() else float("inf")
        for a, b in pairs
    )
    return worst if worst == worst else float("inf")


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

    def skip(self, name, reason):
        self.n += 1
        print(f"ok {self.n} {name} # SKIP {reason}", flush=True)


class Network:
    """The checks of one golden network."""

    def __init__(self, programs, data, name, scratch):
        self.trainer, self.resave, self.train = programs
        self.source, self.scratch = os.path.join(data, "golden", name), scratch
        self.base, self.io = os.path.join(self.source, "nf4"), os.path.join(
            self.source, "io.safetensors"
        )
        self.golden = load_file(self.io)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def features(self, pixels, *arguments):
        """The output of `cow-trainer features`."""
        out = self.path("features.safetensors")
        run(self.trainer, "features", f"{self.io}:{pixels}", "--out", out, *arguments)
        return load_file(out)

    def quantised(self):
        ours, worst = self.path("nf4"), 0.0
        run(self.trainer, "quantize", os.path.join(self.source, "fp32"), ours)
        for pixels in ["pixel_values", "pixel_values_wide"]:
            expected = {
                f"ours.{pixels}.{name}": tensor
                for name, tensor in self.features(pixels, "--model", ours).items()
            }
            worst = max(worst, distance(load(ours), {**self.golden, **expected}, "ours", [pixels]))
        return worst

    def adapted(self, adapter):
        again = self.path(adapter)
        run(self.resave, self.base, os.path.join(self.source, adapter), again)
        return distance(
            PeftModel.from_pretrained(load(self.base), again).eval(), self.golden, adapter
        )

    def trained(self, kind, target, rank):
        folder = self.path(f"{kind}-{target}")
        run(self.train, kind, folder, self.io, self.base, target, str(rank))
        ours = self.features("pixel_values", "--model", self.base, "--adapter", folder)
        model = PeftModel.from_pretrained(load(self.base), folder).eval()
        with torch.no_grad():
            theirs = model(pixel_values=self.golden["pixel_values"])
        # Training must have changed something, because an adapter without effect would agree, too.
        if largest([(ours["pooler_output"], self.golden["nf4.pixel_values.pooler_output"])]) < 0.01:
            raise RuntimeError("the trained adapter changes nothing")
        return largest(
            [
                (theirs.last_hidden_state, ours["last_hidden_state"]),
                (theirs.pooler_output, ours["pooler_output"]),
                (head_logits(folder, theirs.pooler_output), ours["logits"]),
            ]
        )

    def made(self, name):
        torch.manual_seed(3)
        folder = self.path(name)
        model = get_peft_model(
            load(self.base), LoraConfig(init_lora_weights=False, lora_dropout=0.1, **MADE[name])
        ).eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_magnitude_vector" in key:
                    parameter *= 0.8 + 0.4 * torch.rand_like(parameter)
            theirs = model(pixel_values=self.golden["pixel_values"])
        model.save_pretrained(folder)
        ours = self.features("pixel_values", "--model", self.base, "--adapter", folder)
        return largest(
            [
                (theirs.last_hidden_state, ours["last_hidden_state"]),
                (theirs.pooler_output, ours["pooler_output"]),
            ]
        )


class Followed(torch.nn.Module):
    """A base with PEFT's adapter and our head."""

    def __init__(self, base, settings, head):
        super().__init__()
        self.backbone = get_peft_model(base, settings)
        tensors, layers = load_file(os.path.join(head, "classifier.safetensors")), []
        for number in sorted({int(name.split(".")[0]) for name in tensors}):
            weight, bias = tensors[f"{number}.weight"], tensors[f"{number}.bias"]
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias
            layers += [layer, torch.nn.ReLU()]
        self.classifier = torch.nn.Sequential(*layers[:-1])

    def forward(self, pixels):
        return self.classifier(self.backbone(pixel_values=pixels).pooler_output)


class Recipe:
    """One of FOLLOWED: our program and PEFT train the same."""

    def __init__(self, programs, data, scratch, name):
        self.trainer, _, self.train = programs
        self.kind, self.target, self.rank, self.init, self.rslora, self.ratio = FOLLOWED[name]
        source = os.path.join(data, "golden", "plain")
        self.fp32, self.nf4 = os.path.join(source, "fp32"), os.path.join(source, "nf4")
        self.io, self.scratch = os.path.join(source, "io.safetensors"), scratch
        self.pixels = load_file(self.io)["pixel_values"]

    def ours(self, base, steps):
        """What we save after so many steps, and what it gives."""
        folder = os.path.join(self.scratch, f"{os.path.basename(base)}-{steps}")
        settings = [self.target, self.rank, INITS.index(self.init), int(self.rslora), self.ratio]
        run(self.train, self.kind, folder, self.io, base, *map(str, settings), str(steps))
        out = os.path.join(self.scratch, "features.safetensors")
        names = ["--model", base, "--adapter", folder]
        run(self.trainer, "features", f"{self.io}:pixel_values", "--out", out, *names)
        return folder, load_file(out)

    def theirs(self, head):
        config = LoraConfig(
            r=self.rank,
            lora_alpha=2 * self.rank,
            use_rslora=self.rslora,
            use_dora=self.kind == "dora",
            init_lora_weights=True if self.init == "default" else self.init,
            target_modules=self.target if self.target == "all-linear" else [self.target],
        )
        return Followed(AutoModel.from_pretrained(self.fp32), config, head)

    def start(self):
        """The largest difference of first values, as a share of the largest one."""
        folder, _ = self.ours(self.fp32, 0)
        saved = load_file(os.path.join(folder, "adapter_model.safetensors"))
        theirs, worst = dict(self.theirs(folder).backbone.named_parameters()), 0.0
        for name, parameter in theirs.items():
            if ".lora_A." not in name:
                continue
            a = saved[name.replace(".default", "")]
            b = saved[name.replace(".default", "").replace("lora_A", "lora_B")]
            other = theirs[name.replace("lora_A", "lora_B")]
            # a pair may have both signs turned
            signs = torch.sign((a[: self.rank] * parameter).sum(1, keepdim=True))
            pairs = [(signs * a[: self.rank], parameter), (signs.T * b[:, : self.rank], other)]
            pairs += [(a[self.rank :], a[: self.rank]), (-b[:, self.rank :], b[:, : self.rank])]
            worst = max(worst, max(largest([p]) / p[1].abs().max().item() for p in pairs))
        return worst

    def followed(self):
        """Three steps of PEFT's from where we start."""
        folder, _ = self.ours(self.fp32, 0)
        model = self.theirs(folder)
        if self.init == "default":
            set_peft_model_state_dict(
                model.backbone, load_file(os.path.join(folder, "adapter_model.safetensors"))
            )
        settings = {"lr": 1e-2, "loraplus_lr_ratio": self.ratio, "betas": (0.9, 0.999)}
        if self.ratio == 1:
            trained = [p for p in model.parameters() if p.requires_grad]
            optimiser = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.01)
        else:
            optimiser = create_loraplus_optimizer(
                model, torch.optim.AdamW, loraplus_weight_decay=0.01, **settings
            )
        labels = torch.arange(len(self.pixels)) % 9
        model.train()
        for _ in range(3):
            torch.nn.functional.cross_entropy(model(self.pixels), labels).backward()
            optimiser.step()
            optimiser.zero_grad()
        _, ours = self.ours(self.fp32, 3)
        with torch.no_grad():
            return largest([(model.eval()(self.pixels), ours["logits"])])

    def opened(self):
        """What we save, in PEFT on the base that we were given, in fp32 and in 4 bits."""
        worst = 0.0
        for base in [self.fp32, self.nf4]:
            folder, ours = self.ours(base, 3)
            model = load(base) if base == self.nf4 else AutoModel.from_pretrained(base).eval()
            with torch.no_grad():
                plain = model(pixel_values=self.pixels).pooler_output
                adapted = PeftModel.from_pretrained(model, folder).eval()
                theirs = adapted(pixel_values=self.pixels).pooler_output
            if largest([(plain, theirs)]) < 0.01:
                raise RuntimeError("the trained adapter changes nothing")
            worst = max(worst, largest([(theirs, ours["pooler_output"])]))
        return worst


def open_dinov3(folder):
    model = AutoModel.from_pretrained(folder).eval()
    return lambda pixels: model(pixel_values=pixels).pooler_output


def open_torch(model, folder):
    model.load_state_dict(load_file(os.path.join(folder, "model.safetensors")))
    return model.eval()


def open_resnet(folder):
    import torchvision

    model = torchvision.models.resnet18()
    model.fc = torch.nn.Identity()
    return open_torch(model, folder)


def open_vit(folder):
    import timm

    return open_torch(timm.create_model("vit_small_patch16_224", num_classes=0), folder)


# Networks from scratch: kind, px, function that opens them.
SCRATCH = [("dinov3", 64, open_dinov3), ("resnet18", 96, open_resnet), ("vit-small", 224, open_vit)]


def scratch_trained(trainer, train, scratch, kind, side, opener):
    torch.manual_seed(4)
    folder, pixels, out = (
        os.path.join(scratch, f"{kind}{end}")
        for end in ["", "-pixels.safetensors", "-features.safetensors"]
    )
    save_file({"pixel_values": torch.rand(3, 3, side, side)}, pixels)
    run(train, kind, folder, pixels)
    run(trainer, "features", f"{pixels}:pixel_values", "--adapter", folder, "--out", out)
    ours = load_file(out)
    with torch.no_grad():
        theirs = opener(folder)(load_file(pixels)["pixel_values"])
    return largest([(theirs, ours["pooler_output"]), (head_logits(folder, theirs), ours["logits"])])


# timm's networks: name, how it is shortened, sides of pictures. DINOv3 takes any size; DINOv2's
# positions are of 518 x 518, and interpolated for others.
TIMM = [
    ("vit_small_patch16_dinov3", {"depth": 2}, [(64, 64), (48, 80)]),
    ("vit_small_patch16_dinov3_qkvb", {"depth": 2}, [(64, 64)]),
    ("vit_small_plus_patch16_dinov3", {"depth": 2}, [(64, 64)]),
    ("vit_base_patch16_dinov3", {"depth": 1}, [(64, 64)]),
    ("vit_large_patch16_dinov3", {"depth": 1}, [(64, 64)]),
    ("vit_huge_plus_patch16_dinov3", {"depth": 1}, [(64, 64)]),
    ("vit_7b_patch16_dinov3", {"depth": 1}, [(32, 32)]),
    ("vit_small_patch14_dinov2", {"depth": 2}, [(518, 518), (224, 224), (140, 196)]),
    ("vit_small_patch14_reg4_dinov2", {"depth": 2}, [(518, 518), (224, 224), (140, 196)]),
    ("vit_giant_patch14_dinov2", {"depth": 1}, [(140, 140)]),
]


def shake(model):
    """Values that matter in every tensor: layer scales and biases start as almost nothing."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape)
            if "gamma" in name or "lambda" in name or "norm" in name and "weight" in name:
                parameter.copy_(1 + 0.1 * noise)
            elif parameter.dim() < 2 or "pos" in name or "token" in name:
                parameter.copy_(0.3 * noise)
    return model.eval()


def our_features(trainer, scratch, pixels, *arguments):
    file = os.path.join(scratch, "pixels.safetensors")
    out = os.path.join(scratch, "out.safetensors")
    save_file({"pixels": pixels.contiguous()}, file)
    run(trainer, "features", f"{file}:pixels", "--out", out, *arguments)
    return load_file(out)


def timm_network(name, changes):
    import timm

    torch.manual_seed(5)
    dinov2 = {"dynamic_img_size": True} if "dinov2" in name else {}
    return shake(
        timm.create_model(name, num_classes=0, global_pool="token", **changes, **dinov2)
    )


def timm_folder(model, folder):
    from timm.models import save_for_hf

    save_for_hf(model, folder, safe_serialization="both")


def timm_parity(trainer, name, changes, sides):
    with tempfile.TemporaryDirectory() as scratch:
        model, worst = timm_network(name, changes), 0.0
        timm_folder(model, scratch)
        for height, width in sides:
            pixels = torch.rand(2, 3, height, width)
            ours = our_features(trainer, scratch, pixels, "--model", scratch)
            with torch.no_grad():
                tokens = model.forward_features(pixels)
            worst = max(worst, largest([(tokens, ours["last_hidden_state"])]))
        # the pickle beside it is the same network
        bare = our_features(
            trainer, scratch, pixels, "--model", os.path.join(scratch, "pytorch_model.bin")
        )
        return max(worst, largest([(ours["pooler_output"], bare["pooler_output"])]))


def timm_adapter(trainer, dora):
    """LoRA on timm's fused qkv is LoRA on q, k and v."""
    with tempfile.TemporaryDirectory() as scratch:
        base, folder = os.path.join(scratch, "base"), os.path.join(scratch, "adapter")
        model = timm_network("vit_small_plus_patch16_dinov3", {"depth": 2})
        timm_folder(model, base)
        torch.manual_seed(6)
        adapted = get_peft_model(
            model,
            LoraConfig(
                r=4,
                init_lora_weights=False,
                use_dora=dora,
                target_modules=r"blocks\.\d+\.(attn\.qkv|mlp\.fc(1_g|2))",
                rank_pattern={r"^blocks\.1\.mlp\.fc2": 2},
                alpha_pattern={r"blocks\.[0]\..*qkv": 20},
            ),
        ).eval()
        adapted.save_pretrained(folder)
        pixels = torch.rand(2, 3, 64, 64)
        ours = our_features(trainer, scratch, pixels, "--model", base, "--adapter", folder)
        with torch.no_grad():
            return largest(
                [(adapted.base_model.model.forward_features(pixels), ours["last_hidden_state"])]
            )


def dinov2_parity(trainer, kind):
    """transformers' own DINOv2, which interpolates positions otherwise than timm."""
    from transformers import AutoConfig

    torch.manual_seed(7)
    config = AutoConfig.for_model(
        kind.replace("-gated", ""),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=98,
        patch_size=14,
        use_swiglu_ffn="gated" in kind,
    )
    model, worst = shake(AutoModel.from_config(config)), 0.0
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        for height, width in [(98, 98), (56, 140)]:
            pixels = torch.rand(2, 3, height, width)
            ours = our_features(trainer, scratch, pixels, "--model", scratch)
            with torch.no_grad():
                theirs = model(pixel_values=pixels)
            worst = max(worst, largest([(theirs.last_hidden_state, ours["last_hidden_state"])]))
    return worst


class WithHead(torch.nn.Module):
    def __init__(self, base):
        super().__init__()
        self.backbone, self.classifier = base, torch.nn.Linear(base.config.hidden_size, 9)

    def forward(self, pixel_values):
        return self.classifier(self.backbone(pixel_values=pixel_values).pooler_output)


def saved_head(trainer, data):
    """PEFT's way of keeping a head: modules_to_save, in the adapter's own file."""
    source = os.path.join(data, "golden", "plain", "fp32")
    pixels = load_file(os.path.join(data, "golden", "plain", "io.safetensors"))["pixel_values"]
    torch.manual_seed(8)
    model = get_peft_model(
        WithHead(AutoModel.from_pretrained(source).eval()),
        LoraConfig(
            r=4,
            init_lora_weights=False,
            target_modules=r".*layer\.1\.attention\.(q|v)_proj",
            modules_to_save=["classifier"],
        ),
    ).eval()
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "adapter")
        model.save_pretrained(folder)
        ours = our_features(trainer, scratch, pixels, "--model", source, "--adapter", folder)
        with torch.no_grad():
            return largest([(model(pixels), ours["logits"])])


def published(report, trainer, data):
    if importlib.util.find_spec("timm"):
        for name, changes, sides in TIMM:
            report.check(
                f"timm/{name}", LIMIT, lambda: timm_parity(trainer, name, changes, sides)
            )
        for dora in [False, True]:
            report.check(
                f"timm/{'dora' if dora else 'lora'}-qkv", LIMIT, lambda: timm_adapter(trainer, dora)
            )
    else:
        for name in [name for name, _, _ in TIMM] + ["lora-qkv", "dora-qkv"]:
            report.skip(f"timm/{name}", "timm is not installed")
    for kind in ["dinov2", "dinov2-gated", "dinov2_with_registers"]:
        report.check(f"transformers/{kind}", LIMIT, lambda: dinov2_parity(trainer, kind))
    report.check("peft/modules_to_save", LIMIT, lambda: saved_head(trainer, data))


# The head of a detector: px along a side of a token and of a cell, and what its losses are made of.
PATCH, STRIDE, SPLIT, PREFIX, BINS = 16, 8, 2, 5, 3
BELL, SIDES_WEIGHT = 0.54, 5.0


def detector_cells(tensors, tokens, rows, columns):
    """Joined tokens through three convolutions with norms and GELUs, and a product."""
    functional, batch = torch.nn.functional, tokens[0].shape[0]
    x = torch.cat([level[:, PREFIX:] for level in tokens], dim=2)
    x = x.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)
    for unit, name in enumerate(["join", "conv1", "conv2"]):
        weight = tensors[f"{name}.weight"]
        x = functional.conv2d(x, weight, padding=weight.shape[2] // 2).permute(0, 2, 3, 1)
        x = functional.layer_norm(
            x, x.shape[3:], tensors[f"norm{unit + 1}.weight"], tensors[f"norm{unit + 1}.bias"]
        )
        x = functional.gelu(x).permute(0, 3, 1, 2)
    cells = functional.conv2d(x, tensors["out.weight"], tensors["out.bias"])
    return cells.permute(0, 2, 3, 1).reshape(batch, rows * columns, -1), x


def as_picture(cells, rows, columns):
    """One frame's cells [rows * columns, split * split * 5] as [height, width, 5]."""
    x = cells.reshape(rows, columns, SPLIT, SPLIT, 5).permute(0, 2, 1, 3, 4)
    return x.reshape(rows * SPLIT, columns * SPLIT, 5)


def bells(boxes, height, width):
    """What each cell is told: heat, weight, and the box that it belongs to."""
    heat, weight = torch.zeros(height, width), torch.zeros(height, width)
    owner = torch.full((height, width), -1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    areas = [w * h for _, _, w, h in boxes]
    for box in sorted(range(len(boxes)), key=lambda i: -areas[i]):
        left, top, w, h = boxes[box]
        middle_x, middle_y = (left + w / 2) / STRIDE, (top + h / 2) / STRIDE
        if not (0 <= middle_x < width and 0 <= middle_y < height):
            continue
        radius_x, radius_y = int(BELL * w / STRIDE / 2), int(BELL * h / STRIDE / 2)
        dx, dy = x - int(middle_x), y - int(middle_y)
        inside = (dx.abs() <= radius_x) & (dy.abs() <= radius_y)
        bell = torch.exp(
            -((dx / ((2 * radius_x + 1) / 6)) ** 2 + (dy / ((2 * radius_y + 1) / 6)) ** 2) / 2
        )
        bell = torch.where(inside, bell, torch.zeros(()))
        heat = torch.maximum(heat, bell)
        share = torch.log(torch.tensor(max(areas[box], 2.718281828))) * bell / bell.sum()
        weight = torch.where(inside, share, weight)
        owner = torch.where(inside, torch.tensor(box), owner)
    return heat, weight, owner


def detector_losses(picture, boxes):
    """CenterNet's focal loss of the heat, and 1 - GIoU of the sides, weighted by the bells."""
    height, width, _ = picture.shape
    heat, weight, owner = bells(boxes, height, width)
    logit = picture[..., 0]
    p, log_p, log_q = (
        torch.sigmoid(logit),
        torch.nn.functional.logsigmoid(logit),
        torch.nn.functional.logsigmoid(-logit),
    )
    focal = torch.where(
        heat >= 1, -((1 - p) ** 2) * log_p, -((1 - heat) ** 4) * p**2 * log_q
    ).sum() / len(boxes)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    middle = torch.stack([x, y], dim=2) * STRIDE + STRIDE / 2
    distances = STRIDE * torch.exp(picture[..., 1:])
    low, high = middle - distances[..., :2], middle + distances[..., 2:]
    told = torch.tensor(boxes)[owner.clamp(min=0)]
    told_low, told_high = told[..., :2], told[..., :2] + told[..., 2:]

    def area(one, other):
        return (other - one).clamp(min=0).prod(dim=2)

    both = area(torch.maximum(low, told_low), torch.minimum(high, told_high))
    union = area(low, high) + area(told_low, told_high) - both
    span = area(torch.minimum(low, told_low), torch.maximum(high, told_high))
    giou = both / union - (span - union) / span
    return focal, ((1 - giou) * weight).sum() / weight.sum()


def regions_loss(tensors, channels, boxes):
    """The mean over frames of the mean cross entropy of what their boxes show."""
    from torchvision.ops import roi_align

    corners = torch.cat([boxes[:, :3], boxes[:, 1:3] + boxes[:, 3:5]], dim=1)
    pooled = roi_align(channels, corners, BINS, spatial_scale=1 / PATCH, aligned=True)
    x = pooled.permute(0, 2, 3, 1).flatten(1)
    numbers = sorted(int(name.split(".")[0]) for name in tensors if name[0].isdigit())
    for number in sorted(set(numbers)):
        x = torch.nn.functional.linear(x, tensors[f"{number}.weight"], tensors[f"{number}.bias"])
        x = torch.relu(x) if number < numbers[-1] else x
    frames = boxes[:, 0].unique()
    return sum(
        torch.nn.functional.cross_entropy(
            x[boxes[:, 0] == frame], boxes[boxes[:, 0] == frame, 5].long(), label_smoothing=0.1
        )
        for frame in frames
    ) / len(frames)


def detector(replay):
    """The largest difference of cells, losses and gradients, these as shares of the largest."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "replay.safetensors")
        run(replay, path)
        ours = load_file(path)
    rows, columns = 6, 9
    trained = {
        name: tensor.clone().requires_grad_()
        for name, tensor in ours.items()
        if f"grad.{name}" in ours
    }
    tokens = [trained["token.0"], trained["token.1"]]
    cells, channels = detector_cells(trained, tokens, rows, columns)
    pairs, loss = [(cells.detach(), ours["cells"])], 0
    for frame in range(cells.shape[0]):
        boxes = [box[1:5].tolist() for box in ours["boxes"] if box[0] == frame]
        heat, sides = detector_losses(as_picture(cells[frame], rows, columns), boxes)
        pairs.append((torch.stack([heat, sides]).detach(), ours["losses"][frame]))
        loss = loss + (heat + SIDES_WEIGHT * sides) / cells.shape[0]
    regions = regions_loss(trained, channels, ours["boxes"])
    pairs.append((regions.detach().reshape(1), ours["regions"]))
    (loss + regions).backward()
    for name, tensor in trained.items():
        largest_of = tensor.grad.abs().max()
        pairs.append((tensor.grad / largest_of, ours[f"grad.{name}"] / largest_of))
    return largest(pairs)


def installed(kind):
    module = {"resnet18": "torchvision", "vit-small": "timm"}.get(kind)
    return module is None or importlib.util.find_spec(module) is not None


def main(*arguments):
    programs, replay, data = arguments[:3], arguments[3], arguments[4]
    report = Report()
    n_made = len(NETWORKS) * (1 + len(ADAPTERS) + len(TRAINED) + len(MADE)) + len(SCRATCH)
    n_made += sum(2 + (init != "default") for *_, init, _, _ in FOLLOWED.values())
    print(f"1..{n_made + len(TIMM) + 7}")
    published(report, programs[0], data)
    if importlib.util.find_spec("torchvision"):
        report.check("detector", LIMIT, lambda: detector(replay))
    else:
        report.skip("detector", "torchvision is not installed")
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as scratch:
            network = Network(programs, data, name, scratch)
            report.check(f"{name}/nf4", LIMIT, network.quantised)
            for adapter in ADAPTERS:
                report.check(f"{name}/{adapter}", LIMIT, lambda: network.adapted(adapter))
            for kind, target, rank in TRAINED:
                report.check(
                    f"{name}/trained-{kind}-{target}",
                    LIMIT,
                    lambda: network.trained(kind, target, rank),
                )
            for made in MADE:
                report.check(f"{name}/made-{made}", LIMIT, lambda: network.made(made))
    for name, (*_, init, _, _) in FOLLOWED.items():
        with tempfile.TemporaryDirectory() as scratch:
            recipe = Recipe(programs, data, scratch, name)
            if init != "default":
                report.check(f"recipes/{name}/start", LIMIT, recipe.start)
            report.check(f"recipes/{name}/followed", LIMIT_STEPS, recipe.followed)
            report.check(f"recipes/{name}/opened", LIMIT, recipe.opened)
    with tempfile.TemporaryDirectory() as scratch:
        for kind, side, opener in SCRATCH:
            if installed(kind):
                report.check(
                    f"scratch/{kind}",
                    LIMIT,
                    lambda: scratch_trained(programs[0], programs[2], scratch, kind, side, opener),
                )
            else:
                report.skip(f"scratch/{kind}", "its program is not installed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
