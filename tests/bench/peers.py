# SPDX-License-Identifier: MIT
"""The programs that a user would take instead, each as a function that does one pass or one step.

Their networks have the weights of a model folder that cow-formula-model wrote."""

import contextlib
import sys
import warnings

warnings.filterwarnings("ignore")

import torch  # noqa: E402

SIDE = 224  # pixels
CLASSES = 9
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def vision_transformer(folder):
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModel.from_pretrained(folder, dtype=torch.float32).eval()


class Pooled(torch.nn.Module):
    """The network's features alone, as an exporter wants them."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixels):
        return self.network(pixel_values=pixels).pooler_output


class Classifier(torch.nn.Module):
    def __init__(self, network, width):
        super().__init__()
        self.network = network
        self.head = torch.nn.Linear(width, CLASSES)

    def forward(self, pixels):
        return self.head(self.network(pixel_values=pixels).pooler_output)


def quantise(module, dtype=torch.float32, device="cpu"):
    """Puts bitsandbytes' NF4 in the place of each linear layer, which computes in that type."""
    from bitsandbytes.nn import Linear4bit

    for name, child in list(module.named_children()):
        if not isinstance(child, torch.nn.Linear):
            quantise(child, dtype, device)
            continue
        layer = Linear4bit(
            child.in_features,
            child.out_features,
            bias=child.bias is not None,
            compute_dtype=dtype,
            quant_type="nf4",
        )
        layer.load_state_dict(child.state_dict())
        setattr(module, name, layer.to(device))


# ---- passes ----------------------------------------------------------------------------------


def transformers_pass(folder, batch, threads):
    network, pixels = Pooled(vision_transformer(folder)), torch.rand(batch, 3, SIDE, SIDE)

    def run():
        with torch.inference_mode():
            network(pixels)

    return run


def bitsandbytes_pass(folder, batch, threads):
    network, pixels = vision_transformer(folder), torch.rand(batch, 3, SIDE, SIDE)
    quantise(network)

    def run():
        with torch.inference_mode():
            network(pixel_values=pixels)

    return run


def openvino_model(folder, batch):
    import openvino

    network = Pooled(vision_transformer(folder)).eval()
    shape = [batch, 3, SIDE, SIDE]
    return openvino.convert_model(network, example_input=torch.rand(shape), input=shape)


def openvino_run(model, batch, threads, precision=None):
    """Without a precision OpenVINO takes what it thinks best: bf16 where the processor has it."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    compiled = openvino.compile_model(model, "CPU", settings)
    pixels = torch.rand(batch, 3, SIDE, SIDE).numpy()
    return lambda: compiled(pixels)


def openvino_pass(folder, batch, threads):
    return openvino_run(openvino_model(folder, batch), batch, threads, "f32")


def openvino_bf16_pass(folder, batch, threads):
    return openvino_run(openvino_model(folder, batch), batch, threads, "bf16")


def openvino_int8_pass(folder, batch, threads):
    import nncf

    nncf.set_log_level("ERROR")
    pictures = [torch.rand(batch, 3, SIDE, SIDE).numpy() for _ in range(8)]
    with contextlib.redirect_stdout(sys.stderr):  # its progress
        model = nncf.quantize(
            openvino_model(folder, batch),
            nncf.Dataset(pictures),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(pictures),
        )
    return openvino_run(model, batch, threads)


PASSES = {
    "transformers": transformers_pass,
    "openvino-fp32": openvino_pass,
    "openvino-bf16": openvino_bf16_pass,
    "openvino-int8": openvino_int8_pass,
    "bitsandbytes": bitsandbytes_pass,
}


# ---- steps -----------------------------------------------------------------------------------


def step_of(network, parameters, batch, channels_last=False):
    """A step of AdamW on pictures that are in memory already."""
    optimiser = torch.optim.AdamW(parameters, lr=1e-4)
    pixels, labels = torch.rand(batch, 3, SIDE, SIDE), torch.randint(0, CLASSES, (batch,))
    if channels_last:
        pixels = pixels.to(memory_format=torch.channels_last)
    network.train()

    def run():
        optimiser.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(pixels), labels, label_smoothing=0.1)
        loss.backward()
        optimiser.step()

    return run


def peft_step(folder, batch, dora, checkpointing):
    """QLoRA or QDoRA of rank 16 on every linear layer."""
    from peft import LoraConfig, get_peft_model

    network = vision_transformer(folder)
    width = network.config.hidden_size
    quantise(network)
    settings = LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.05, use_dora=dora, target_modules=LINEAR
    )
    network = get_peft_model(network, settings)
    if checkpointing:
        network.base_model.model.gradient_checkpointing_enable()
        network.enable_input_require_grads()
    classifier = Classifier(network, width)
    return step_of(classifier, [p for p in classifier.parameters() if p.requires_grad], batch)


def scratch_step(recipe, batch):
    if recipe == "resnet18":
        import torchvision

        network = torchvision.models.resnet18(num_classes=CLASSES)
        network = network.to(memory_format=torch.channels_last)
        return step_of(network, network.parameters(), batch, channels_last=True)
    import timm

    network = timm.create_model("vit_small_patch16_224", num_classes=CLASSES)
    return step_of(network, network.parameters(), batch)
