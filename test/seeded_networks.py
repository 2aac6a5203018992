"""Whole networks of seeded weights, made once per test run."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from seeded_weights import seeded_array, seeded_batch

from affordance_grasp.encoders.backbones import SPECS, VitBackbone
from affordance_grasp.encoders.clearclip import ClearClip

GOLDEN = Path(__file__).parent / "golden"


def seeded_tensors(shapes):
    """Names and shapes -> tensors, running statistics of batch norms included."""
    with torch.inference_mode(False):
        return {name: torch.from_numpy(_array(name, shape)) for name, shape in shapes.items()}


@cache
def selectivecl_shapes():
    """Names and shapes of a released SelectiveCL checkpoint (36 classes)."""
    return json.loads((GOLDEN / "selectivecl_keys.json").read_text())


@cache
def seeded_head():
    """The trainable part of that checkpoint."""
    frozen = ("vit_model.", "net.")
    shapes = selectivecl_shapes().items()
    return seeded_tensors({name: s for name, s in shapes if not name.startswith(frozen)})


@cache
def seeded_dino_tensors():
    """DINO ViT-S/16 by the names of its own checkpoint."""
    return seeded_tensors(_without("vit_model."))


@cache
def seeded_clip_tensors():
    """CLIP ViT-B/16, image and text, by open_clip's names."""
    return seeded_tensors(_without("net."))


@cache
@torch.inference_mode(False)
def seeded_dino():
    """The seeded DINO as a backbone."""
    backbone = VitBackbone("dino_vits16", seeded_dino_tensors(), 224, sha256="dino")
    return backbone.eval().requires_grad_(False)


@cache
@torch.inference_mode(False)
def seeded_clearclip():
    """The seeded CLIP as ClearCLIP."""
    return ClearClip(seeded_clip_tensors(), 224, sha256="clip").eval().requires_grad_(False)


@cache
@torch.inference_mode(False)
def seeded_training_batch():
    """The images of a training step as the DINO takes them, and their classes."""
    *images, classes = seeded_batch()
    ego, exo = (
        SPECS["dino_vits16"].normalise(torch.from_numpy(stack).movedim(-1, -3) / 255)
        for stack in images
    )
    return ego, exo, torch.from_numpy(classes)


def _without(prefix):
    shapes = selectivecl_shapes().items()
    return {name.removeprefix(prefix): s for name, s in shapes if name.startswith(prefix)}


def _array(name, shape):
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "logit_scale":
        return np.full(shape, math.log(1 / 0.07), np.float32)
    if leaf.startswith("running_"):
        tenth = seeded_array(name, shape) * np.float32(5)
        return np.float32(1) + np.abs(tenth) if leaf == "running_var" else tenth
    return seeded_array(name, shape)
