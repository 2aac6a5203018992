"""What several tests share."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("usual", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

# Tests side by side have a core each; more threads would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
# Fast DDS reads its profiles once, for the first node of a process. Whichever test makes that one,
# images of later tests need the larger shared memory, or some get lost.
PROFILES = Path(__file__).parents[1] / "config" / "fastdds.xml"
os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(PROFILES))


@pytest.fixture(scope="module", autouse=True)
def own_words(request):
    """What rclpy says of unasked futures, once they are collected, is said in their own module."""
    yield
    if {"ActionClient", "GraspClient"} & set(vars(request.module)):
        gc.collect()


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory) -> Path:
    """A PLSP checkpoint for hold and cut_with whose head was never trained."""
    import torch

    from affordance_grasp.encoders.backbones import load_backbone
    from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
    from affordance_grasp.methods.plsp.config import PlspConfig
    from affordance_grasp.methods.plsp.network import Plsp

    torch.manual_seed(0)
    backbone = load_backbone("dinov2_vits14", image_side=224)
    config = PlspConfig()
    info = CheckpointInfo(
        method="plsp",
        config=vars(config),
        backbone="dinov2_vits14",
        backbone_sha256=backbone.sha256,
        affordances=("hold", "cut_with"),
        text_encoder="minilm",
    )
    path = tmp_path_factory.mktemp("checkpoint") / "random.safetensors"
    text = torch.nn.functional.normalize(torch.randn(2, 384), dim=1)
    save_checkpoint(path, Plsp(config), info, text)
    return path
