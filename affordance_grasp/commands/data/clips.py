"""``dataset clips``, ``dataset unpack`` and ``dataset hotspots``: exocentric clips."""

import argparse
import shutil
from functools import partial
from pathlib import Path

from affordance_grasp.configuration.flags import COUNT, add_flags, read_flags
from affordance_grasp.datasets.affordances_file import write_affordances
from affordance_grasp.datasets.agd20k import OBJECT_MASKS, PARTS, load_training_split
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.flags import add_split_flag
from affordance_grasp.simulation.dataset.config import ClipConfig


def add_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare all."""
    clips = actions.add_parser("clips", help="render clips of hands in the place of images")
    clips.set_defaults(do=_render)
    clips.add_argument("source", type=Path, metavar="SOURCE", help="a simulated data set")
    clips.add_argument("folder", type=Path, metavar="DIR", help="root of the new data set")
    clips.add_argument("--objects", nargs="+", metavar="OBJECT", help="(all of SOURCE)")
    unpack = actions.add_parser("unpack", help="exocentric video files -> folders of frames")
    unpack.set_defaults(do=_unpack)
    unpack.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
    unpack.add_argument("--frames", type=COUNT, default=32, help="of every clip (32)")
    for action in (clips, unpack):
        add_split_flag(action)
    add_flags(clips, ClipConfig)
    hotspots = actions.add_parser("hotspots", help="OPRA or EPIC -> clips and a test set")
    hotspots.set_defaults(do=_import_hotspots)
    hotspots.add_argument("kind", choices=("opra", "epic"), help="whose layout SOURCE has")
    hotspots.add_argument("source", type=Path, metavar="SOURCE", help="its frames and images")
    hotspots.add_argument("annotations", type=Path, metavar="FILE", help="annotations.json")
    hotspots.add_argument("folder", type=Path, metavar="DIR", help="root of the new data set")
    hotspots.add_argument("--frames", type=COUNT, default=32, help="of every clip, at most (32)")


def _import_hotspots(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.hotspots import import_hotspots

    names = ("kind", "source", "annotations", "folder", "frames")
    count = import_hotspots(*(getattr(arguments, name) for name in names))
    print(", ".join(f"{number} {what}" for what, number in count.items()))
    return 0


def _unpack(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.clips import unpack_clips

    exocentric = arguments.folder / arguments.split / PARTS[1]
    written, kept = unpack_clips(exocentric, arguments.frames)
    print(f"{written} clips unpacked, {kept} were there")
    return 0


def _render(arguments: argparse.Namespace) -> int:
    """Copy all but the exocentric images, and render clips of the same pairs."""
    from tqdm import tqdm

    from affordance_grasp.simulation.dataset.clips import write_clips
    from affordance_grasp.simulation.objects import FAMILIES

    config = read_flags(ClipConfig, arguments)
    unknown = [name for name in arguments.objects or () if name not in FAMILIES]
    if unknown:
        raise UnknownName("object that can be simulated", unknown[0], tuple(FAMILIES))
    split = load_training_split(arguments.source, arguments.split)
    chosen = set(arguments.objects or FAMILIES)
    pairs = {image.pair for image in split.train_ego if image.object in chosen}
    if not pairs:
        raise InvalidInput(f"{split.folder} holds no object that can be simulated")
    folder = arguments.folder / split.folder.name
    for part in (PARTS[0], *PARTS[2:], OBJECT_MASKS):
        for affordance, name in sorted(pairs):
            source, target = (root / part / affordance / name for root in (split.folder, folder))
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
    if split.notes:
        write_affordances(arguments.folder, split.notes)
    progress = partial(tqdm, desc="clips", unit="clip")
    count = write_clips(folder / "trainset", pairs, config, progress)
    print(f"{count} clips rendered below {folder / PARTS[1]}")
    return 0
