import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from affordance_grasp.cli import main
from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_check import ReachMap, check_robot, reach_map
from affordance_grasp.datatypes import Reason
from affordance_grasp.image_files import read_color
from affordance_grasp.report.reach_map import CELL_PX, COLORS, MARGIN_PX, REACHED, draw_reach_map
from affordance_grasp.share import share_path


def changed(tmp_path: Path, **changes) -> Path:
    content = yaml.safe_load(share_path("config/aubo_i5.yaml").read_text())
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}))
    return path


def facts(report):
    return {name.strip(): value for name, value in report.facts}


def test_a_whole_robot_is_described_and_nothing_is_missing():
    report = check_robot("config/ur5e_hande.yaml", poses=40)
    said = facts(report)
    assert report.missing == []
    assert said["chain"] == "base_link -> tool0, 6 joints"
    assert said["wrist_3_joint"] == "-3.142 to 3.142 rad, 3.142 rad/s"
    assert said["inverse"].startswith("three_parallel: closed form")
    assert said["base_link + base_link_inertia"] == "2 cylinders"
    assert said["gripper"] == "robotiq_hande, 0 to 50 mm, 40 N"
    assert said["solved"].startswith("40 of 40 reachable poses within the limits, median 8 ")
    assert said["home"].endswith("looking 75 degrees below the horizon")


def test_a_urdf_alone_is_followed_from_its_root_to_its_tool_frame(tmp_path):
    urdf = tmp_path / "arm.urdf"
    urdf.write_text(share_path("urdf/panda.urdf").read_text())
    said = facts(check_robot(urdf, poses=5))
    assert said["chain"] == "panda_link0 -> tool0, 7 joints"
    assert said["inverse"].startswith("numeric: ")
    assert said["solved"].startswith("5 of 5 ")
    assert "base_frame panda_link0 and tool_frame tool0" in said["settings"]
    urdf.write_text(urdf.read_text().replace('"tool0"', '"flange"'))
    assert facts(check_robot(urdf, poses=0))["chain"] == "panda_link0 -> panda_link7, 7 joints"
    assert facts(check_robot(urdf, tip="flange", poses=0))["chain"].startswith("panda_link0 -> fl")


def test_every_part_that_is_missing_is_a_line(tmp_path, capsys):
    path = changed(tmp_path, gripper="absent.yaml", hand_eye="gone.yaml", tool_frame="tip")
    assert main(["robot", "check", str(path)]) == 2
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("missing: ")]
    assert [any(word in line for line in lines) for word in ("'tip'", "absent.yaml", "gone.yaml")]
    assert len(lines) == 3


def test_a_home_that_touches_or_looks_away_is_missing(tmp_path):
    home = list(load_robot().settings.home_q_rad)
    away = [home[0] + np.pi / 2 - 0.4, *home[1:]]
    (said,) = check_robot(changed(tmp_path, home_q_rad=away), poses=0).missing
    assert said == "the camera at home does not look at the table in the workspace"
    low = changed(tmp_path, table_z_m=0.2)
    assert any(
        "touches the arm itself or the table" in x for x in check_robot(low, poses=0).missing
    )


def test_links_that_other_joints_move_are_named(tmp_path):
    urdf = tmp_path / "arm.urdf"
    flap = (
        '<link name="flap"><collision><geometry><sphere radius="0.1"/></geometry></collision>'
        '</link><joint name="hinge" type="revolute"><parent link="foreArm_Link"/>'
        '<child link="flap"/><limit lower="-1" upper="1"/></joint></robot>'
    )
    urdf.write_text(share_path("urdf/aubo_i10.urdf").read_text().replace("</robot>", flap))
    (said,) = check_robot(urdf, poses=0).missing
    assert said.startswith("flap: not checked, as other joints move these links")


def test_the_reach_map_is_green_where_picks_can_be_planned():
    robot = load_robot()
    reach = reach_map(robot, step_m=0.3)
    np.testing.assert_allclose(reach.x_m, [0.35, 0.65])
    np.testing.assert_allclose(reach.y_m, [-0.3, 0.0, 0.3], atol=1e-9)
    assert reach.reasons[0][1] is None
    count, of = reach.reached
    assert (count >= 4, of) == (True, 6)


def test_the_picture_has_x_to_the_right_and_y_upwards():
    reach = ReachMap(np.array([0.1, 0.2]), np.array([0.0, 0.1]), ((None, Reason.PATH),) * 2)
    assert reach.reached == (2, 4)
    image = draw_reach_map(reach, "an arm")
    column = image[:, MARGIN_PX + CELL_PX // 2]
    green = np.flatnonzero((column == REACHED).all(axis=1))
    violet = np.flatnonzero((column == COLORS[Reason.PATH]).all(axis=1))
    assert violet.max() < green.min(), "the higher y lies above"


def test_the_command_prints_json_and_draws(tmp_path, capsys, monkeypatch):
    small = changed(tmp_path, workspace_min_m=[0.4, -0.1, 0.0], workspace_max_m=[0.6, 0.1, 0.6])
    out = tmp_path / "reach.png"
    words = ["robot", "check", str(small), "--poses", "3", "--out", str(out), "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["missing"] == []
    assert answer["facts"]["reach"] == "16 of 16 grasps from above can be planned"
    assert read_color(out).ndim == 3


def test_a_negative_count_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["robot", "check", "config/aubo_i5.yaml", "--poses", "-1"])
    assert "--poses: it is '-1'; it must be a whole number >= 0" in capsys.readouterr().err
