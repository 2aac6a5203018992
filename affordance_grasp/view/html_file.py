"""A plan as one HTML file that opens from disk: the scene, the planned motion, the reasons."""

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.files import write_file
from affordance_grasp.report.figures import encode_jpeg
from affordance_grasp.view.arm_figure import ArmFigure
from affordance_grasp.view.motion import film
from affordance_grasp.view.path_lines import draw_path
from affordance_grasp.view.plan_scene import draw_plan, explain, picture, table_pose, target
from affordance_grasp.view.planned import Planned
from affordance_grasp.view.server import LOOPBACK, look_at, open_server

PAUSE_S = 1.0
SHOWN = 10
STYLE = (
    "position:fixed;right:12px;top:12px;width:300px;max-height:84vh;overflow:auto;z-index:9;"
    "background:#181b1fe6;color:#eef0f2;border-radius:8px;padding:10px 12px;"
    "font:13px/1.45 system-ui,sans-serif"
)


def write_html(path: Path, planned: Planned) -> Path:
    """Write a plan as a page that needs neither a network nor this package.

    The motion, where one is planned, is shown again and again.

    Raises:
        MissingPackage: viser is not installed.
    """
    plan, robot, pose = planned.plan, planned.robot, planned.pose
    server = open_server(LOOPBACK[0], 0, "plan")
    try:
        T_world_cam = table_pose(plan.table) if pose is None else pose.T_base_cam
        draw_plan(server.scene, plan, T_world_cam)
        look_at(server, target(plan, T_world_cam), T_world_cam, pose is not None)
        if pose is None:
            recording = server.get_scene_serializer()
        else:
            arm = ArmFigure(server.scene, robot)
            arm.place(pose.q, robot.gripper.max_width_m)
            if planned.pick is not None:
                draw_path(server.scene, robot, planned.pick)
            recording = server.get_scene_serializer()
            if planned.pick is not None:
                _record(recording, arm, planned.pick)
        page = recording.as_html(dark_mode=True)
    finally:
        server.stop()
    head, _, tail = page.rpartition("</body>")
    return write_file(path, f"{head}{_account(planned)}</body>{tail}")


def _record(recording: Any, arm: ArmFigure, pick: PickPlan) -> None:
    """The motion, with a rest at either end."""
    recording.insert_sleep(PAUSE_S)
    before_s = 0.0
    for each in film(pick):
        recording.insert_sleep(each.time_s - before_s)
        before_s = each.time_s
        arm.place(each.q, each.width_m)
    recording.insert_sleep(PAUSE_S)


def _account(planned: Planned) -> str:
    """What is asked, seen and decided, in words that a browser shows and never runs."""
    plan = planned.plan
    jpeg = encode_jpeg(picture(plan.frame, plan.heatmap, plan.region), 80)
    rows = "".join(
        f"<li>heatmap {grasp.heat:.2f}, quality {grasp.quality:.2f}, "
        f"{grasp.width_m * 1e3:.0f} mm wide</li>"
        for grasp in plan.selection.ranked[:SHOWN]
    )
    return (
        f'<details open style="{STYLE}"><summary>“{escape(plan.heatmap.query)}”</summary>'
        f'<img alt="heatmap" style="width:100%;margin:6px 0" '
        f'src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'
        f"<p>{escape(explain(plan))}</p><p>{escape(planned.why_no_pick)}</p><ol>{rows}</ol></details>"
    )
