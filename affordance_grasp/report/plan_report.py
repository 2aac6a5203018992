"""A plan as plain data, as report.json, and as a folder of figures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from affordance_grasp.datatypes import RankedGrasp
from affordance_grasp.errors import writing
from affordance_grasp.files import write_json
from affordance_grasp.geometry import Floats, quaternion_xyzw
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.animation import write_gif
from affordance_grasp.report.figures import (
    RgbImage,
    heatmap_overlay,
    montage,
    titled,
    write_png,
)
from affordance_grasp.report.glyphs import around, draw_grasps
from affordance_grasp.streams.frame_files import write_frame


class _Grasp(TypedDict):
    position: Annotated[list[float], Meta(min_length=3, max_length=3)]
    quaternion_xyzw: list[float]
    width_m: float
    heat: float
    quality: float
    contact_uv: list[float]


class ReportedGrasp(_Grasp, total=False):
    """One grasp as plain data; its pose is that of ``tcp`` in the camera's optical frame."""

    opening_m: float
    """Absent in results of releases before there was one."""


def grasps_summary(grasps: tuple[RankedGrasp, ...], top: int | None = None) -> list[ReportedGrasp]:
    """The first ``top`` grasps as plain data; poses of ``tcp`` in the camera's optical frame."""
    return [
        {
            "position": _position(grasp.T_cam_tcp),
            "quaternion_xyzw": _quaternion(grasp.T_cam_tcp),
            "width_m": round(grasp.width_m, 5),
            "opening_m": round(grasp.opening_m, 5),
            "heat": round(grasp.heat, 4),
            "quality": round(grasp.quality, 4),
            "contact_uv": _rounded(grasp.contact_uv, 1),
        }
        for grasp in grasps[:top]
    ]


def pose_summary(T: Floats) -> dict[str, list[float]]:
    """A pose (4, 4) as plain data: position [m] and quaternion x, y, z, w."""
    return {"position": _position(T), "quaternion_xyzw": _quaternion(T)}


def _position(T: Floats) -> list[float]:
    return _rounded(T[:3, 3], 5)


def _quaternion(T: Floats) -> list[float]:
    return _rounded(quaternion_xyzw(T), 6)


def plan_summary(plan: GraspPlan, top: int | None = None) -> dict[str, Any]:
    """A plan as plain data: affordance, object, candidates, ranking, rejections and timings."""
    return {
        "query": plan.heatmap.query,
        "affordance": plan.heatmap.affordance,
        "object": plan.object,
        "method": plan.heatmap.method,
        "confidence": round(plan.heatmap.confidence, 4),
        "peak_uv": list(plan.heatmap.peak_uv),
        "generator": plan.candidates.generator,
        "rule": plan.rule,
        "frame": "camera_color_optical_frame",
        "examined": plan.candidates.examined,
        "left_out": dict(plan.candidates.left_out),
        "candidates": len(plan.candidates),
        "ranked": len(plan.selection.ranked),
        "grasps": grasps_summary(plan.selection.ranked, top),
        "rejected": plan.selection.rejection_counts(),
        "refusal": plan.refusal,
        "timings_ms": {name: round(ms, 1) for name, ms in plan.timings_ms.items()},
    }


def plan_figures(plan: GraspPlan, lifted_photo: RgbImage | None = None) -> dict[str, RgbImage]:
    """Figures by name: ``color``, ``heatmap``, ``candidates``, and ``board``, which shows all.

    With a photo of the lifted object, ``lifted`` is added and the last panel of the board.
    """
    color, heat = plan.frame.color, plan.heatmap
    overlay = heatmap_overlay(color, heat, plan.region)
    view = around(plan.region, color.shape[1], color.shape[0])
    forks = draw_grasps(color, plan.frame.intrinsics, plan.candidates, plan.selection, view=view)
    asked = f"“{heat.query}”"
    meaning = "" if heat.affordance == heat.query else f" means {heat.affordance}"
    ranked = len(plan.selection.ranked)
    panels = {
        "color": titled(color, "camera"),
        "heatmap": titled(
            overlay, asked + meaning, f"{heat.method}, confidence {heat.confidence:.2f}"
        ),
        "candidates": titled(forks, "grasps", f"{ranked} of {len(plan.candidates)} ranked"),
    }
    if lifted_photo is None:
        return {**panels, "board": montage(list(panels.values()), columns=3)}
    shown = [*panels.values(), titled(lifted_photo, "lifted")]
    return {**panels, "lifted": lifted_photo, "board": montage(shown, columns=2)}


def write_report(
    folder: Path | str,
    plan: GraspPlan,
    *,
    lifted_photo: RgbImage | None = None,
    photos: Sequence[RgbImage] = (),
    photo_rate_hz: float = 5.0,
    extra: dict[str, Any] | None = None,
    top: int | None = None,
) -> dict[str, Path]:
    """Write all about one plan, and the pick that followed if there was one.

    ``frame/`` holds the camera's colour and depth, as the command ``plan`` reads them.

    Args:
        folder: created where it is missing.
        plan: the plan.
        lifted_photo: the object in the gripper, seen from outside.
        photos: the frames of the animation, in order.
        photo_rate_hz: photos per second.
        extra: more fields for report.json.
        top: how many grasps report.json lists; all when None.

    Returns:
        The files by name: color, heatmap, candidates, board, lifted, pick, report.
    """
    folder = Path(folder)
    figures = plan_figures(plan, lifted_photo)
    written = {name: write_png(folder / f"{name}.png", figure) for name, figure in figures.items()}
    write_frame(folder / "frame", plan.frame)
    if photos:
        written["pick"] = write_gif(folder / "pick.gif", photos, photo_rate_hz)
    summary = {**plan_summary(plan, top), **(extra or {})}
    summary["files"] = {name: path.name for name, path in written.items()}
    written["report"] = write_json(folder / "report.json", summary)
    return written


def make_folder(folder: Path) -> None:
    """Create the folder of a report, before the work that fills it begins."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def folder_or_none(folder: Path | None) -> Iterator[Path]:
    """A folder for what a run leaves; without one, a temporary folder as long as it runs."""
    if folder is not None:
        make_folder(folder)
        yield folder
        return
    with TemporaryDirectory() as temporary:
        yield Path(temporary)


def _rounded(values: Any, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
