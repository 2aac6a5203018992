"""What a plan looks like in the browser: the scene's nodes, the film of the motion, the file."""

from dataclasses import replace

import numpy as np
import pytest
from tabletop import Block, looking_down, tabletop

from affordance_grasp.cli import main
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Reason, Selection
from affordance_grasp.errors import EnvironmentFault, InvalidInput
from affordance_grasp.geometry import invert, pose, transform_points
from affordance_grasp.pipeline import load_planner, plan_grasps
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.report.glyphs import gripper_outline
from affordance_grasp.share import share_path
from affordance_grasp.view.glyph_mesh import grasp_mesh
from affordance_grasp.view.motion import film
from affordance_grasp.view.plan_scene import TINTS, WORDS, explain, table_pose, target
from affordance_grasp.view.planned import NO_POSE, arm_pose, plan_seen
from affordance_grasp.view.server import require_free

ROBOT = load_robot()
FRAME = ["--color", str(share_path("examples/frame/color.jpg"))]
FRAME += ["--depth", str(share_path("examples/frame/depth.png"))]
FRAME += ["--intrinsics", "615", "615", "320", "240", "--query", "hold", "--rule", "quality"]


@pytest.fixture(scope="module")
def bar():
    """A bar on a table, planned without a heatmap."""
    return plan_grasps(tabletop(Block(0, 0, (0.2, 0.025, 0.02))), "hold", None, rule="quality")


@pytest.fixture(scope="module")
def picked():
    """A bar before the arm at home, with the motion that picks it."""
    T_base_cam = ROBOT.T_base_cam(ROBOT.home_q)
    ahead = T_base_cam[:3, 3] + T_base_cam[:3, 2] * T_base_cam[2, 3] / -T_base_cam[2, 2]
    T_world_cam = pose(translation_m=-ahead) @ T_base_cam
    frame = tabletop(Block(0, 0, (0.15, 0.025, 0.03)), T_world_cam=T_world_cam)
    planner = load_planner(PlanningOptions(rule="quality"), "hold")
    return plan_seen(planner, frame, "hold", arm_pose(ROBOT, ROBOT.home_q))


def test_every_reason_has_words_and_a_colour():
    assert set(WORDS) == set(TINTS) == set(Reason)


def test_the_table_is_the_ground_where_no_arm_is_known(bar):
    T = table_pose(bar.table)
    truth = looking_down()
    foot = invert(truth)[:3, 3]  # the world's origin, on the table, in the camera
    assert transform_points(T, foot)[2] == pytest.approx(0, abs=0.002)
    assert T[2, 3] == pytest.approx(truth[2, 3], abs=0.002)
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1)
    assert target(bar, T)[2] == pytest.approx(0.0125, abs=0.02)


def test_a_grasp_is_four_rods_about_its_outline():
    T = pose(translation_m=[0.1, 0.2, 0.3])
    vertices, faces = grasp_mesh(T, 0.04, 0.001)
    assert (len(vertices), len(faces)) == (32, 48)
    outline = gripper_outline(T, 0.04)
    np.testing.assert_allclose(vertices.min(axis=0), outline.min(axis=0) - 0.001, atol=1e-9)
    np.testing.assert_allclose(vertices.max(axis=0), outline.max(axis=0) + 0.001, atol=1e-9)
    a, b, c = vertices[faces].swapaxes(0, 1)
    rods = (np.cross(b - a, c - a) * (a - vertices.reshape(-1, 8, 3).mean(1).repeat(12, 0))).sum(1)
    assert (rods > 0).all()  # every face looks outwards, or it would not be seen


def test_the_film_begins_where_the_arm_is_and_closes_at_the_grasp(picked):
    poses = film(picked.pick, 10.0)
    np.testing.assert_allclose(poses[0].q, ROBOT.home_q, atol=1e-9)
    np.testing.assert_allclose(poses[-1].q, picked.pick.retreat.positions[-1], atol=1e-6)
    assert list(dict.fromkeys(each.stage for each in poses)) == [
        "approach",
        "descend",
        "close",
        "lift",
        "retreat",
    ]
    closed = next(each for each in poses if each.stage == "lift")
    assert closed.width_m == pytest.approx(picked.pick.grasp_width_m)
    T = forward(ROBOT.arm, closed.q) @ ROBOT.gripper.T_tool0_tcp(closed.width_m)
    np.testing.assert_allclose(T, picked.pick.T_base_tcp, atol=1e-4)
    assert [each.time_s for each in poses[:3]] == pytest.approx([0, 0.1, 0.2])
    assert poses[-1].time_s == pytest.approx(picked.pick.duration_s + 0.6, abs=0.6)


def test_without_the_arm_no_motion_is_claimed(bar):
    planner = load_planner(PlanningOptions(rule="quality"), "hold")
    planned = plan_seen(planner, bar.frame, "hold", None)
    assert (planned.pick, planned.why_no_pick) == (None, NO_POSE)
    with pytest.raises(InvalidInput, match="5 joint positions; 6 finite angles"):
        arm_pose(ROBOT, ROBOT.home_q[:5])


def test_what_was_decided_is_one_sentence(bar):
    assert explain(bar).startswith("hold: heat 1.00, quality 0.")
    none = replace(bar, selection=Selection((), {0: Reason.COLD}))
    assert explain(none) == none.refusal


def test_a_taken_port_is_refused():
    from socket import socket

    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=f"nobody can listen at 127.0.0.1:{port}"):
            require_free("127.0.0.1", port)
    for host in ("192.0.2.1", "no such host", "\udcff"):
        with pytest.raises(EnvironmentFault, match="nobody can listen"):
            require_free(host, 0)


def test_another_kind_of_page_is_refused(capsys):
    assert main(["plan", *FRAME, "--html", "plan.png"]) == 2
    assert "expected .html" in capsys.readouterr().err
    assert main(["plan", *FRAME, "--joints", "0", "0"]) == 2
    assert "2 joint positions" in capsys.readouterr().err


def test_a_querys_words_are_shown_and_not_run(tmp_path, bar):
    pytest.importorskip("viser", reason="viser (extra: page) is not installed")
    from affordance_grasp.view.html_file import write_html
    from affordance_grasp.view.planned import Planned

    hostile = replace(bar.heatmap, query="</details><script>document.title='run'</script>")
    planned = Planned(ROBOT, hostile.query, replace(bar, heatmap=hostile), None)
    assert "<script>document.title" not in write_html(tmp_path / "plan.html", planned).read_text()
