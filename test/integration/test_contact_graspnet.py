"""A real grasp generator: Contact-GraspNet, from PyPI's wheel, kept up between frames."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.candidates.target import Target
from affordance_grasp.scene.cloud import segment_scene
from affordance_grasp.streams.frame_files import read_frame

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVE = EXAMPLES / "contact_graspnet" / "serve.py"
WHEEL = "cgn-pytorch==0.4.3"
INSTALL_S = 300


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The wheel in a folder of its own, on the path of the programs that are started."""
    pytest.importorskip("torch", reason="torch is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    try:
        subprocess.run([*pip, WHEEL], check=True, timeout=INSTALL_S, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"{WHEEL} cannot be installed here: {error}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")
        yield


@pytest.mark.processes
def test_its_grasps_fit_the_mug_and_it_stays_up_between_frames(weights):
    frame = read_frame(
        EXAMPLES / "frame" / "color.jpg", EXAMPLES / "frame" / "depth.png", (615, 615, 320, 240)
    )
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(SERVE))}"
    settings = ExternalSettings(command=command, persistent=True, timeout_s=300.0)
    generator, scene = make_generator("command", external=settings), segment_scene(frame)
    first, second = (
        generator.generate(frame, scene=scene, target=Target("hold", label=1)) for _ in range(2)
    )
    assert first.examined > 50
    assert len(first) > 0.4 * first.examined
    assert np.ptp(first.quality) > 0.1, "the network's own scores"
    assert ((first.opening_m > first.width_m) & (first.opening_m <= 0.085)).all()
    heights = scene.table.height_m(first.T_cam_tcp[:, :3, 3])
    assert (heights > 0).all() and np.median(heights) > 0.02
    np.testing.assert_allclose(first.T_cam_tcp, second.T_cam_tcp, atol=1e-4)
