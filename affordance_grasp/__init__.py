"""Affordance-guided grasping: a robot takes an object by the part that serves the task.

Three lines from an image to a heatmap::

    from affordance_grasp import load_grounder, read_color

    heatmap = load_grounder("plsp").ground(read_color("mug.png"), "hold")

``examples/`` has more. The names listed here are imported on first use.

The package is two libraries in one tree: a numpy/torch core that never imports ROS, and the thin
ROS 2 nodes in :mod:`affordance_grasp.nodes`. The generated messages (``affordance_grasp.msg``,
``.srv``, ``.action``) live in the colcon install space; ``extend_path`` lets Python find them
beside this source folder.
"""

import os
from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affordance_grasp.candidates.external.settings import ExternalSettings as ExternalSettings
    from affordance_grasp.candidates.generators import GENERATORS as GENERATORS
    from affordance_grasp.candidates.generators import GraspGenerator as GraspGenerator
    from affordance_grasp.candidates.generators import make_generator as make_generator
    from affordance_grasp.control.gripper_kinds import load_gripper as load_gripper
    from affordance_grasp.control.motion.pick import PickPlan as PickPlan
    from affordance_grasp.control.motion.pick import plan_pick as plan_pick
    from affordance_grasp.control.motion.pick import reach_from as reach_from
    from affordance_grasp.control.motion.pick import reachable as reachable
    from affordance_grasp.control.robot import RobotConfig as RobotConfig
    from affordance_grasp.control.robot import load_robot as load_robot
    from affordance_grasp.datatypes import CameraIntrinsics as CameraIntrinsics
    from affordance_grasp.datatypes import GraspCandidates as GraspCandidates
    from affordance_grasp.datatypes import Heatmap as Heatmap
    from affordance_grasp.datatypes import JointTrajectory as JointTrajectory
    from affordance_grasp.datatypes import RankedGrasp as RankedGrasp
    from affordance_grasp.datatypes import Reason as Reason
    from affordance_grasp.datatypes import Region as Region
    from affordance_grasp.datatypes import RgbdFrame as RgbdFrame
    from affordance_grasp.datatypes import Selection as Selection
    from affordance_grasp.errors import AffordanceGraspError as AffordanceGraspError
    from affordance_grasp.errors import AmbiguousObject as AmbiguousObject
    from affordance_grasp.errors import InvalidInput as InvalidInput
    from affordance_grasp.errors import LowConfidence as LowConfidence
    from affordance_grasp.errors import NoMatch as NoMatch
    from affordance_grasp.errors import NoObject as NoObject
    from affordance_grasp.errors import NotServed as NotServed
    from affordance_grasp.errors import UnknownName as UnknownName
    from affordance_grasp.errors import Unreachable as Unreachable
    from affordance_grasp.grounding.grounder import Grounder as Grounder
    from affordance_grasp.grounding.grounder import load_grounder as load_grounder
    from affordance_grasp.image_files import read_color as read_color
    from affordance_grasp.image_files import read_depth as read_depth
    from affordance_grasp.methods.table import METHODS as METHODS
    from affordance_grasp.pipeline import GraspPlan as GraspPlan
    from affordance_grasp.pipeline import Planner as Planner
    from affordance_grasp.pipeline import check_confidence as check_confidence
    from affordance_grasp.pipeline import load_planner as load_planner
    from affordance_grasp.pipeline import plan_grasps as plan_grasps
    from affordance_grasp.planning import PlanningOptions as PlanningOptions
    from affordance_grasp.query.vocabulary import AFFORDANCES as AFFORDANCES
    from affordance_grasp.replay.options import TopicNames as TopicNames
    from affordance_grasp.replay.source import RecordedFrame as RecordedFrame
    from affordance_grasp.replay.source import read_bag as read_bag
    from affordance_grasp.report.figures import heatmap_overlay as heatmap_overlay
    from affordance_grasp.report.glyphs import draw_grasps as draw_grasps
    from affordance_grasp.report.plan_report import write_report as write_report
    from affordance_grasp.rules import RULES as RULES
    from affordance_grasp.scene.cloud import segment_scene as segment_scene
    from affordance_grasp.selection import SelectionConfig as SelectionConfig
    from affordance_grasp.selection import select as select
    from affordance_grasp.streams.frame_files import read_frame as read_frame

__version__ = "0.1.0"

__path__ = extend_path(__path__, __name__)

# Both are read when the numeric libraries are loaded, and both may be set otherwise outside.
# Threads that spin while they wait slow each other down: on 2 cores of which one is busy with
# something else, grounding takes 2.6 s with spinning and 0.09 s without. The matrices of numpy
# and scipy are small here, and their threads only compete with those of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_CONTENTS = {
    "candidates.external.settings": ("ExternalSettings",),
    "candidates.generators": ("GENERATORS", "GraspGenerator", "make_generator"),
    "control.gripper_kinds": ("load_gripper",),
    "control.motion.pick": ("PickPlan", "plan_pick", "reach_from", "reachable"),
    "control.robot": ("RobotConfig", "load_robot"),
    "datatypes": (
        "CameraIntrinsics",
        "GraspCandidates",
        "Heatmap",
        "JointTrajectory",
        "RankedGrasp",
        "Reason",
        "Region",
        "RgbdFrame",
        "Selection",
    ),
    "errors": (
        "AffordanceGraspError",
        "AmbiguousObject",
        "InvalidInput",
        "LowConfidence",
        "NoMatch",
        "NoObject",
        "NotServed",
        "UnknownName",
        "Unreachable",
    ),
    "grounding.grounder": ("Grounder", "load_grounder"),
    "image_files": ("read_color", "read_depth"),
    "methods.table": ("METHODS",),
    "pipeline": ("GraspPlan", "Planner", "check_confidence", "load_planner", "plan_grasps"),
    "planning": ("PlanningOptions",),
    "replay.options": ("TopicNames",),
    "replay.source": ("RecordedFrame", "read_bag"),
    "report.figures": ("heatmap_overlay",),
    "report.glyphs": ("draw_grasps",),
    "report.plan_report": ("write_report",),
    "rules": ("RULES",),
    "scene.cloud": ("segment_scene",),
    "selection": ("SelectionConfig", "select"),
    "streams.frame_files": ("read_frame",),
    "query.vocabulary": ("AFFORDANCES",),
}
"""Module -> what of it is offered here; the type checker reads the imports above."""

_MODULE_OF = {name: module for module, names in _CONTENTS.items() for name in names}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    """Import on demand; an error names the extra of a package that is not installed."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    except ModuleNotFoundError as error:
        from affordance_grasp.extras import PACKAGES, missing

        if str(error.name).partition(".")[0] not in PACKAGES:
            raise
        raise missing(str(error.name), name, error) from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
