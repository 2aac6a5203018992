"""What a start imports, told by the modules of a fresh process; never by the time it takes."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp.cli import COMMANDS

FOR_ONE_FUNCTION = ("timm", "torchvision", "transformers", "open_clip", "onnx", "huggingface_hub")
COMPILER = ("torch._dynamo", "torch._inductor", "sympy")
HEAVY = ("torch", "scipy", "mujoco", "rclpy", "matplotlib", "open3d", *FOR_ONE_FUNCTION)
AFTER = """
import contextlib, io, json, sys
from affordance_grasp.cli import main
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        assert main(words) == 0
print(json.dumps(list(sys.modules)))
"""


def imported_by(*commands):
    asked = [sys.executable, "-c", AFTER, json.dumps(commands)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "color.png"
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    return str(path)


def test_every_help_is_there_without_what_computes():
    modules = imported_by(*([name, "--help"] for name in COMMANDS))
    assert not modules & set(HEAVY)
    assert "affordance_grasp.commands.learning.train" in modules


@pytest.mark.parametrize("method", ["plsp", "looptrans", "selectivecl"])
def test_a_heatmap_takes_no_model_zoo_no_compiler_and_no_text_encoder(image, method):
    modules = imported_by(["ground", image, "--query", "hold", "--method", method])
    assert not modules & {*FOR_ONE_FUNCTION, *COMPILER, "tokenizers", "scipy", "mujoco"}
    assert "affordance_grasp.encoders.vision_transformer" in modules


def test_a_plan_takes_no_more_than_its_heatmap_and_scipy(tmp_path):
    frame = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20))
    color, depth = tmp_path / "color.png", tmp_path / "depth.tiff"
    cv2.imwrite(str(color), frame.color)
    cv2.imwrite(str(depth), frame.depth_m)
    pinhole = map(str, (INTRINSICS.fx, INTRINSICS.fy, INTRINSICS.cx, INTRINSICS.cy))
    words = ["plan", "--color", str(color), "--depth", str(depth), "--depth-scale", "1"]
    modules = imported_by([*words, "--intrinsics", *pinhole, "--query", "hold"])
    assert not modules & {*FOR_ONE_FUNCTION, *COMPILER, "tokenizers", "mujoco", "rclpy", "open3d"}
    assert "scipy.spatial" in modules


@pytest.mark.parametrize(
    ("node", "without"),
    [
        ("controller", ("mujoco", "torch", "affordance_grasp.simulation")),
        ("selector", ("mujoco", "torch", "affordance_grasp.simulation")),
        ("candidates", ("mujoco", "torch", "affordance_grasp.simulation", "PIL")),
        ("grounder", ("mujoco", "affordance_grasp.simulation")),
        ("camera", ("mujoco", "torch", "scipy.optimize")),
    ],
)
def test_a_node_takes_no_part_of_the_product_that_is_not_its_own(node, without):
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    script = f"import sys, affordance_grasp.nodes.{node}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & set(without)
