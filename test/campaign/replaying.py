"""A replay of thousands of frames: its memory must be flat, and killing it must lose nothing.

    python -m campaign.replaying soak --frames 10000    # in test/, with the package's environment
    python -m campaign.replaying kill --times 10 --frames 200

Both write a recording of small frames of a bar on a table, with joint states, and replay it as a
process of its own. ``kill`` ends it again and again by SIGKILL, with all its children, at random
moments, starts it anew, and compares the results with those of a replay that ran through.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.replay.bags.recorder import BagRecorder

SAMPLES = 20
SETTLED = 0.25
"""Share of the frames after which caches are full and memory counts."""
MAX_GROWTH_MB = 30.0
SMALLER = 8
START_NS, STEP_NS = 1_700_000_000_000_000_000, 33_333_333
DIFFERS = ("latency_ms",)


def resident_mb(process: int) -> float:
    """Memory of a process that is in RAM and its own [MB]: no file's, no shared."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"process {process} has no memory")


def write_recording(folder: Path, frames: int) -> None:
    """A bar seen by a wrist camera; noise and colours differ from frame to frame."""
    robot, draw = load_robot(), np.random.default_rng(0)
    whole = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20), noise_m=0.0005)
    K = CameraIntrinsics(
        INTRINSICS.fx / SMALLER, INTRINSICS.fy / SMALLER, INTRINSICS.cx / SMALLER,
        INTRINSICS.cy / SMALLER, whole.color.shape[1] // SMALLER, whole.color.shape[0] // SMALLER,
    )  # fmt: skip
    color, depth_m = whole.color[::SMALLER, ::SMALLER], whole.depth_m[::SMALLER, ::SMALLER]
    with BagRecorder(folder) as bag:
        for i in range(frames):
            noise = draw.normal(0, 2, color.shape)
            noisy = np.clip(color + noise, 0, 255).astype(np.uint8)
            rough_m = (depth_m + draw.normal(0, 3e-4, depth_m.shape)).astype(np.float32)
            stamp_ns = START_NS + i * STEP_NS
            bag.joints(stamp_ns, robot.arm.joint_names, robot.home_q)
            bag.frame(stamp_ns, RgbdFrame(noisy, rough_m, K), robot.hand_eye.camera_frame)


def begin(bag: Path, out: Path, workers: int, every: int = 1) -> "subprocess.Popen[bytes]":
    """A replay in a process group of its own."""
    command = [sys.executable, "-m", "affordance_grasp.cli", "replay", str(bag), "--query", "hold"]
    command += ["--rule", "quality", "--pictures-every", "50", "--out", str(out)]
    command += ["--workers", str(workers), "--every", str(every)]
    log = (out.parent / "replay.log").open("ab")
    return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def written(out: Path) -> int:
    """How many results there are."""
    path = out / "frames.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def soak(frames: int, every: int, folder: Path) -> bool:
    """Whether memory stayed flat; prints it."""
    write_recording(folder / "bag", frames)
    process, begun, weights = begin(folder / "bag", folder / "out", 1, every), monotonic(), []
    planned = -(-frames // every)
    print(f"{'planned':>8} {'min':>6} {'MB':>8}")
    for wanted in np.linspace(0, planned, SAMPLES + 1, dtype=int)[1:-1]:
        while (done := written(folder / "out")) < wanted and process.poll() is None:
            sleep(0.5)
        if process.poll() is not None:
            break
        weights.append(resident_mb(process.pid))
        print(f"{done:8} {(monotonic() - begun) / 60:6.1f} {weights[-1]:8.1f}", flush=True)
    code = process.wait()
    settled = np.array(weights[round(SETTLED * len(weights)) :])
    growth_mb = settled[-3:].mean() - settled[:3].mean()
    print(
        f"exit code {code}, {written(folder / 'out')} results in {(monotonic() - begun) / 60:.1f} "
        f"min; from {SETTLED:.0%} of the frames to the end: {growth_mb:+.1f} MB"
    )
    return code == 0 and written(folder / "out") == planned and bool(growth_mb < MAX_GROWTH_MB)


def kill(times: int, frames: int, folder: Path) -> bool:
    """Whether a replay that was killed again and again has the results of one that was not."""
    write_recording(folder / "bag", frames)
    whole, torn = folder / "whole", folder / "torn"
    if begin(folder / "bag", whole, 2).wait() != 0:
        raise RuntimeError((folder / "replay.log").read_text()[-500:])
    draw, kept = np.random.default_rng(0), []
    for _ in range(times):
        process, before = begin(folder / "bag", torn, 2), written(torn)
        more = int(draw.integers(0, max(2, frames // times)))
        while written(torn) < before + more and process.poll() is None:
            sleep(0.01)
        sleep(float(draw.uniform(0, 0.1)))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept.append(written(torn))
    code = begin(folder / "bag", torn, 2).wait()
    same = results(whole) == results(torn)
    print(f"results after each of {times} kills: {kept}; then exit code {code}, {written(torn)}")
    print("the same results as without" if same else "OTHER RESULTS than without")
    return code == 0 and same and kept == sorted(kept)


def results(out: Path) -> list[dict[str, Any]]:
    """The results of a replay, but for how long they took."""
    lines = (out / "frames.jsonl").read_text().splitlines()
    frames = [json.loads(line) for line in lines]
    return [{name: frame[name] for name in frame if name not in DIFFERS} for frame in frames]


def main() -> None:
    """Exit code 1 when memory grew by more than 30 MB, or a result was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("soak", "kill"))
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1, help="plan every n-th frame (soak)")
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "soak":
            right = soak(given.frames, given.every, Path(folder))
        else:
            right = kill(given.times, given.frames, Path(folder))
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
