"""Inference and training steps on a GPU, in its precisions, beside the same on the CPU."""

from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from affordance_grasp.methods.network import GroundingNetwork, TensorBatch
from benchmark.cases import Size
from benchmark.contestant import make_contestant
from benchmark.rounds import Case, Outputs, Variant

EXACT = 2e-3
"""Relative tolerance of float32 against the CPU: sums in another order."""
LOW = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def device_cases(method: str, size: Size, device: str) -> list[Case]:
    """A case of inference and one of training steps of a method.

    Heatmaps must agree with the CPU's; losses need not, as some draw on the device.
    """
    torch.manual_seed(0)
    contestant = make_contestant(method, size.side)
    count = size.batch or contestant.batch_size
    batch, here = contestant.batch(count), contestant.network
    there, moved = deepcopy(here).to(device), batch.to(device)
    inputs = contestant.image, contestant.text
    infer, step = partial(_infer, here, *inputs), partial(_step, here, batch, contestant.epoch)
    forward = {"cpu": Variant(partial(infer, "float32"), None)}
    training = {"cpu": Variant(partial(step, "float32"), None)}
    infer = partial(_infer, there, *(tensor.to(device) for tensor in inputs))
    step = partial(_step, there, moved, contestant.epoch)
    for name in ("float32", "tf32", *LOW):
        tolerance = EXACT if name == "float32" else None
        forward[name] = Variant(partial(infer, name), tolerance)
        training[name] = Variant(partial(step, name), None)
    channels = deepcopy(there).to(memory_format=torch.channels_last)
    last = partial(_step, channels, moved, contestant.epoch, "bfloat16")
    training["bfloat16, channels last"] = Variant(last, None)
    return [
        Case(f"{method}-inference on {device}", 1, 1, forward),
        Case(f"{method}-training on {device}", count, count * contestant.images, training),
    ]


@torch.inference_mode()
def _infer(network: GroundingNetwork, image: Tensor, text: Tensor, name: str) -> Outputs:
    network.eval()
    labels = torch.zeros(1, dtype=torch.long, device=image.device)
    with _precision(name, image.device.type):
        raw = network.maps(network.tokens(image), text[labels], labels)
    return {"heatmap": network.heatmaps(raw.float()).cpu()}  # waits for the device


def _step(network: GroundingNetwork, batch: TensorBatch, epoch: int, name: str) -> Outputs:
    """Losses and gradients; the networks are not changed, so that all repeat the same step."""
    network.train()
    frozen_statistics(network)
    network.zero_grad()
    kind = next(network.parameters()).device.type
    torch.manual_seed(0)
    with _precision(name, kind):
        terms = network.loss(batch, epoch)
    terms["total"].backward()
    return {name: term.detach().float().cpu() for name, term in terms.items()}


def frozen_statistics(network: nn.Module) -> None:
    """Keep running statistics as they are: a step must not change the next one."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0


def _precision(name: str, kind: str) -> torch.autocast:
    """Autocast of a variant; TF32 is the process's own setting."""
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    return torch.autocast(kind, LOW.get(name, torch.bfloat16), enabled=name in LOW)
