"""Valid files of every kind that the commands take, and the commands that read them.

``write_all(folder)`` makes them; ``{f}`` in a command's words is the folder of one case.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from agd20k_tree import write_tree
from calibration_views import TILTS, flange
from small_bags import bag_writer, image, info, joints, ros1_writer
from tabletop import INTRINSICS, Block, tabletop
from test_released import hollow

from affordance_grasp.calibration.views import write_view
from affordance_grasp.candidates.external.conventions import find_convention
from affordance_grasp.candidates.external.exchange import grasps_content
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.cli import main
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.geometry import invert
from affordance_grasp.learning.evaluation.evaluate import export_maps
from affordance_grasp.scene.point_cloud import frame_cloud
from affordance_grasp.share import share_path
from affordance_grasp.streams.frame_files import write_frame

CHECKPOINT = "models/plsp_simulated.safetensors"
SMALL = CameraIntrinsics(
    INTRINSICS.fx / 4, INTRINSICS.fy / 4, INTRINSICS.cx / 4, INTRINSICS.cy / 4, 160, 120
)
PREFIX = "/camera/camera/"
PLAN = (
    "plan --color {f}/frame/color.png --depth {f}/frame/depth.png "
    "--intrinsics 153.75 153.75 80 60 --query hold --json"
)
QUICK = f"{PLAN} --rule quality"
WITH_ROBOT = f"{QUICK} --robot {{f}}/robot/robot.yaml"
ANSWERED = (
    f"{QUICK} --generator command --generator-option timeout_s=5 "
    "--generator-option command='cp -Pr {f}/"
)
GROUND = "ground --query hold {f}/"
REPLAY = "replay --query hold --rule quality --workers 1 --json {f}/"


@dataclass(frozen=True)
class Specimen:
    """A kind of file: which of the files are changed, and the command that reads them."""

    kind: str
    files: tuple[str, ...]
    command: str
    folders: tuple[str, ...]
    """What of the valid files the command needs."""
    starts: bool = False
    """Whether the command may start a program."""
    long: bool = False
    """Whether it computes for longer than reading takes."""


SPECIMENS = (
    Specimen("colour image", ("frame/color.png",), GROUND + "frame/color.png", ("frame",)),
    Specimen("colour image", ("frame/color.png",), PLAN, ("frame",)),
    Specimen("JPEG", ("photo.jpg",), GROUND + "photo.jpg --json", ("photo.jpg",)),
    Specimen("depth image", ("frame/depth.png",), QUICK, ("frame",)),
    Specimen("robot", ("robot/robot.yaml",), WITH_ROBOT, ("frame", "robot")),
    Specimen("gripper", ("robot/gripper.yaml",), WITH_ROBOT, ("frame", "robot")),
    Specimen("URDF", ("robot/arm.urdf",), WITH_ROBOT, ("frame", "robot")),
    Specimen("hand-eye", ("robot/hand_eye.yaml",), WITH_ROBOT, ("frame", "robot")),
    Specimen(
        "hand-eye",
        ("robot/hand_eye.yaml",),
        "hand-eye convert {f}/robot/hand_eye.yaml --to link --out {f}/out.yaml",
        ("robot",),
    ),
    Specimen(
        "view",
        ("views/00/view.json", "views/01/view.json", "views/02/depth.png"),
        "hand-eye check {f}/views --json",
        ("views",),
    ),
    Specimen(
        "grasps.json", ("grasps.json",), ANSWERED + "grasps.json'", ("frame", "grasps.json"), True
    ),
    Specimen(
        "grasps.npy", ("grasps.npy",), ANSWERED + "grasps.npy'", ("frame", "grasps.npy"), True
    ),
    Specimen(
        "cloud",
        ("cloud.ply",),
        "generate {f}/cloud.ply --pinhole 153.75 153.75 80 60 160 120",
        ("cloud.ply",),
    ),
    Specimen("cloud", ("cloud.pcd",), "generate {f}/cloud.pcd --out {f}/out.json", ("cloud.pcd",)),
    Specimen(
        "checkpoint",
        ("head.safetensors",),
        GROUND + "photo.jpg --checkpoint {f}/head.safetensors",
        ("photo.jpg", "head.safetensors"),
    ),
    Specimen(
        "released checkpoint",
        ("best.pth",),
        "checkpoint import {f}/best.pth --method looptrans --out {f}/out.safetensors",
        ("best.pth",),
    ),
    Specimen("bag", ("bag/metadata.yaml", "bag/bag.mcap"), REPLAY + "bag", ("bag",), long=True),
    Specimen(
        "bag",
        ("sqlite/metadata.yaml", "sqlite/sqlite.db3"),
        REPLAY + "sqlite",
        ("sqlite",),
        long=True,
    ),
    Specimen("bag of ROS 1", ("old.bag",), REPLAY + "old.bag", ("old.bag",), long=True),
    Specimen(
        "exact boxes",
        ("tree/detector/Seen.json",),
        "dataset detect {f}/tree",
        ("tree",),
    ),
    Specimen(
        "journal",
        ("replayed/run.json", "replayed/frames.jsonl"),
        REPLAY + "bag --out {f}/replayed",
        ("bag", "replayed"),
        long=True,
    ),
    Specimen(
        "training settings",
        ("train.yaml",),
        "train --data {f}/tree --config {f}/train.yaml --out {f}/run --epochs 1",
        ("tree", "train.yaml"),
        starts=True,  # git, to note the commit
        long=True,
    ),
    Specimen(
        "detections",
        ("tree/Seen/trainset/detections.json",),
        "pseudo-labels {f}/tree --masker box --overwrite",
        ("tree",),
        long=True,
    ),
    Specimen(
        "data set's image",
        ("tree/Seen/trainset/egocentric/hold/mug/mug_000000.jpg",),
        "pseudo-labels {f}/tree --masker grabcut --overwrite",
        ("tree",),
        long=True,
    ),
    Specimen(
        "ground truth",
        ("tree/Seen/testset/GT/hold/mug/mug_000001.png",),
        "evaluate --data {f}/tree --maps {f}/maps",
        ("tree", "maps"),
        long=True,
    ),
    Specimen(
        "exported maps",
        ("maps/maps.json", "maps/maps.npy"),
        "evaluate --data {f}/tree --maps {f}/maps",
        ("tree", "maps"),
        long=True,
    ),
    Specimen("query", (), PLAN, ("frame",)),
    Specimen(
        "numbers",
        (),
        PLAN + " --depth-scale 0.001 --top 3 --seed 1 --min-confidence 0.1",
        ("frame",),
    ),
)


def write_all(folder: Path) -> None:
    """Every valid file below a folder."""
    whole = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20), noise_m=0.0005)
    depth_m = np.ascontiguousarray(whole.depth_m[::4, ::4])
    bar = RgbdFrame(np.ascontiguousarray(whole.color[::4, ::4]), depth_m, SMALL)
    write_frame(folder / "frame", bar)
    shutil.copy(share_path("examples/frame/color.jpg"), folder / "photo.jpg")
    write_robot(folder / "robot")
    _write_grasps(folder, bar)
    _write_clouds(folder, bar)
    shutil.copy(share_path(CHECKPOINT), folder / "head.safetensors")
    torch.save(hollow("looptrans"), folder / "best.pth")
    for name, storage in (("bag", "MCAP"), ("sqlite", "SQLITE3")):
        with bag_writer(folder / name, storage) as bag:
            _write_bag(bag, bar)
    with ros1_writer(folder / "old.bag") as bag:
        _write_bag(bag, bar)
    out = str(folder / "replayed")
    replay = [
        "replay",
        str(folder / "bag"),
        "--query",
        "hold",
        "--rule",
        "quality",
        "--workers",
        "1",
    ]
    assert main([*replay, "--out", out]) == 0
    arm = load_robot().arm
    for number, offset in enumerate(TILTS[:4]):
        q = load_robot().home_q + np.array(offset)
        T = flange(offset) @ load_robot().T_tool0_cam
        frame = tabletop(seed=number, T_world_cam=T)
        joint_positions = dict(zip(arm.joint_names, q.tolist(), strict=True))
        write_view(folder / "views" / f"{number:02d}", frame, joint_positions)
    write_tree(folder / "tree", train=1, test=1)
    assert main(["pseudo-labels", str(folder / "tree"), "--masker", "box"]) == 0
    _write_boxes(folder / "tree/detector/Seen.json")
    _write_maps(folder / "maps", folder / "tree")
    settings = yaml.safe_load(share_path("config/train_plsp_simulated.yaml").read_text())
    settings["views"] |= {"crops": 1, "stitched": 0}
    settings["sampling"] |= {"stitched": 0.0}
    (folder / "train.yaml").write_text(yaml.safe_dump(settings))


def write_robot(folder: Path) -> None:
    """A robot's settings and the files that they name, all in one folder."""
    folder.mkdir(exist_ok=True)
    settings = yaml.safe_load(share_path("config/aubo_i5.yaml").read_text())
    named = {"urdf": "arm.urdf", "gripper": "gripper.yaml", "hand_eye": "hand_eye.yaml"}
    for name, copy in named.items():
        shutil.copy(share_path(settings[name]), folder / copy)
    (folder / "robot.yaml").write_text(yaml.safe_dump({**settings, **named}, sort_keys=False))


def _write_grasps(folder: Path, frame: RgbdFrame) -> None:
    candidates = make_generator("antipodal").generate(frame)
    (folder / "grasps.json").write_text(json.dumps(grasps_content(candidates)))
    rows = np.zeros((len(candidates), 17))
    T = candidates.T_cam_tcp @ invert(find_convention("graspnet").T_external_tcp(0.0))
    rows[:, 0], rows[:, 1], rows[:, 3] = candidates.quality, candidates.width_m, 0.0
    rows[:, 4:13], rows[:, 13:16] = T[:, :3, :3].reshape(-1, 9), T[:, :3, 3]
    np.save(folder / "grasps.npy", rows)


def _write_clouds(folder: Path, frame: RgbdFrame) -> None:
    points = frame_cloud(frame).points_cam
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    (folder / "cloud.ply").write_bytes(head.encode() + points.astype("<f4").tobytes())
    head = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
    head += f"WIDTH {len(points)}\nHEIGHT 1\nPOINTS {len(points)}\nDATA ascii\n"
    rows = "".join(f"{x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in points)
    (folder / "cloud.pcd").write_text(head + rows)


def _write_bag(bag: Any, frame: RgbdFrame) -> None:
    depth_mm = np.rint(frame.depth_m * 1000).astype(np.uint16)
    robot = load_robot()
    for t_s in (0.0, 0.2):
        positions = joints(t_s, robot.arm.joint_names, robot.home_q)
        bag.write("/joint_states", positions, t_s)
        bag.write(f"{PREFIX}color/camera_info", info(t_s, frame.intrinsics), t_s)
        depth = image(t_s, depth_mm, "16UC1")
        bag.write(f"{PREFIX}aligned_depth_to_color/image_raw", depth, t_s)
        bag.write(f"{PREFIX}color/image_raw", image(t_s, frame.color, "rgb8"), t_s)


def _write_boxes(path: Path) -> None:
    """Exact boxes of two images, as a simulated data set holds them."""
    image_of = {"size": [96, 96], "whole": [10, 20, 80, 90], "parts": {"handle": [60, 40, 80, 80]}}
    boxes = {"ego": {"mug": {"a.jpg": image_of}}, "exo": {"hold": {"mug": {"b.jpg": image_of}}}}
    path.parent.mkdir()
    path.write_text(json.dumps(boxes))


def _write_maps(folder: Path, tree: Path) -> None:
    split = load_split(tree, "Seen")
    export_maps(folder, split, [np.ones((14, 14), np.float32)] * len(split.test), {})
