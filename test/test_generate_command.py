import json

import numpy as np
import pytest
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp.candidates.external.exchange import grasps_content, read_grasps_json
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.cli import main
from affordance_grasp.commands.grasping import generate
from affordance_grasp.scene.point_cloud import frame_cloud

PINHOLE = [INTRINSICS.fx, INTRINSICS.fy, INTRINSICS.cx, INTRINSICS.cy, 640, 480]


@pytest.fixture(scope="module")
def frame():
    return tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20))


@pytest.fixture
def given(frame, monkeypatch):
    """A cloud as its file would give it; the files themselves have tests of their own."""
    monkeypatch.setattr(generate, "read_cloud", lambda path: frame_cloud(frame))


def words(*more):
    return ["generate", "cloud.ply", *(str(word) for word in more)]


def test_grasps_are_exactly_those_of_the_frame_by_its_own_pinhole(given, frame, tmp_path, capsys):
    out = tmp_path / "new" / "grasps.json"
    assert main(words("--pinhole", *PINHOLE, "--out", out)) == 0
    assert "640x480" in capsys.readouterr().out
    found, convention = read_grasps_json(out.read_bytes(), "file")
    truth = make_generator("antipodal").generate(frame)
    order = np.argsort(-truth.quality, kind="stable")
    assert convention == "tcp"
    np.testing.assert_allclose(found.score, truth.quality[order])
    np.testing.assert_allclose(found.width_m, truth.width_m[order])
    assert json.loads(out.read_text()) == json.loads(json.dumps(grasps_content(truth)))


def test_by_a_virtual_pinhole_they_are_printed(given, capsys):
    assert main(words()) == 0
    grasps = json.loads(capsys.readouterr().out)["grasps"]
    assert len(grasps) > 50
    assert grasps[0]["width_m"] == pytest.approx(0.025, abs=0.005)
    assert grasps[0]["score"] == max(grasp["score"] for grasp in grasps)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--pinhole", *PINHOLE[:4], 640.5, 480], "whole pixels"),
        (["--pinhole", *PINHOLE[:4], "inf", 480], "whole pixels"),
        (["--pinhole", 0, *PINHOLE[1:]], "not invertible"),
        (["--generator", "magic"], "known: antipodal"),
        (["--seed", -1], "--seed is '-1'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(given, capsys, more, said):
    assert main(words(*more)) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
