"""``affordance-grasp view``: a page in the browser that plans, and picks in simulation."""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Count, Positive, Seed, Word, about
from affordance_grasp.errors import InvalidInput
from affordance_grasp.extras import require
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.view.options import PageOptions

if TYPE_CHECKING:
    from affordance_grasp.pipeline import Planner
    from affordance_grasp.view.work_cell import Sight, WorkCell

FIRST_QUERY = "hold"


@dataclass(frozen=True, kw_only=True)
class ViewOptions(PageOptions, PlanningOptions, title="view"):
    """What is looked at: an image pair, a recording or a simulated object; how it is planned."""

    color: Annotated[Path | None, about("colour image, with --depth and --intrinsics")] = None
    depth: Annotated[Path | None, about("depth image aligned to it")] = None
    depth_scale: Annotated[Positive, about("metres per unit of the depth image")] = 0.001
    intrinsics: Annotated[
        tuple[float, ...], about("of the colour image [pixel]: fx fy cx cy")
    ] = ()
    joints: Annotated[
        tuple[float, ...], about("the arm's joint positions at the image [rad]")
    ] = ()
    bag: Annotated[Path | None, about("recording: its frames are looked at one by one")] = None
    every: Annotated[Count, about("every n-th frame of it")] = 10
    object: Annotated[Word | None, about("on the simulated table: a family, such as mug")] = None
    object_seed: Annotated[Seed, about("of its instance and placement")] = 0

    def check(self) -> None:
        """Refuse all but one thing to look at."""
        given = [name for name in ("color", "bag", "object") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidInput(
                f"view shows one of --color, --bag and --object; {' and '.join(given) or 'none'} "
                "is given"
            )
        if self.color is not None and (self.depth is None or not self.intrinsics):
            raise InvalidInput("--color needs --depth and --intrinsics FX FY CX CY")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_flags(parser, ViewOptions, leave_out=("top",))


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from affordance_grasp.pipeline import load_planner
    from affordance_grasp.view.page import serve

    options = read_flags(ViewOptions, arguments)
    require("viser", "view")
    planner = load_planner(options, FIRST_QUERY)
    with serve(options.host, options.port, _make_cell(options, planner)) as address:
        print(f"open {address} in a browser; Ctrl-C ends it", file=sys.stderr, flush=True)
        Event().wait()
    return 0


def _make_cell(options: ViewOptions, planner: "Planner") -> Callable[[], "WorkCell"]:
    """How to make what is looked at, once it is known that it can be."""
    if options.object is not None:
        return _simulated(options, planner, options.object)
    from affordance_grasp.view.recorded_cell import RecordedCell

    sights = _image(options, planner) if options.bag is None else _frames(options, planner)
    return lambda: RecordedCell(planner, sights, str(options.bag or options.color))


def _simulated(options: ViewOptions, planner: "Planner", name: str) -> Callable[[], "WorkCell"]:
    from affordance_grasp.simulation.cell.placement import random_placement
    from affordance_grasp.simulation.cell.world import World
    from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object
    from affordance_grasp.view.simulated_cell import SimulatedCell

    seed = options.object_seed
    thing = make_object(name, TRIAL_SEED_START + seed)
    return lambda: SimulatedCell(
        planner,
        World(planner.robot, thing, random_placement(seed), seed),
        f"simulated {name}",
    )


def _image(options: ViewOptions, planner: "Planner") -> Iterator["Sight"]:
    from affordance_grasp.streams.frame_files import read_frame
    from affordance_grasp.view.planned import arm_pose
    from affordance_grasp.view.work_cell import Sight

    assert options.color is not None and options.depth is not None
    frame = read_frame(options.color, options.depth, options.intrinsics, options.depth_scale)
    pose = arm_pose(planner.robot, options.joints) if options.joints else None
    return iter([Sight(frame, pose)])


def _frames(options: ViewOptions, planner: "Planner") -> Iterator["Sight"]:
    from affordance_grasp.replay.source import read_bag
    from affordance_grasp.view.planned import ArmPose
    from affordance_grasp.view.work_cell import Sight

    assert options.bag is not None
    for each in read_bag(options.bag, planner.robot, options.every):
        view = each.view
        yield Sight(each.frame, None if view is None else ArmPose(view.q, view.T_base_cam))
