"""Video files of a data set -> folders of frames, which is what clips are trained from."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
MOST_FRAMES = 100_000
"""Of a file: half an hour at 60 frames per second; a longer one is no clip."""


def unpack_clips(exocentric: Path, frames: int) -> tuple[int, int]:
    """Write ``frames`` evenly spread frames of every video file into a folder beside it.

    ``exocentric``: folder of AFFORDANCE/OBJECT/*.mp4. Folders that are complete are kept. Returns
    how many were written, and how many were there.
    """
    videos = sorted(p for p in exocentric.glob("*/*/*") if p.suffix.lower() in VIDEOS)
    if not videos:
        raise InvalidInput(f"{exocentric} holds no AFFORDANCE/OBJECT/*.mp4")
    written = 0
    for video in videos:
        folder = video.with_suffix("")
        if (folder / f"{frames:06d}.jpg").exists():
            continue
        for number, image in enumerate(read_frames(video, frames), 1):
            jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            write_file(folder / f"{number:06d}.jpg", bytes(jpeg))
        written += 1
    return written, len(videos) - written


def read_frames(video: Path, frames: int) -> list[NDArray[np.uint8]]:
    """Evenly spread frames (H, W, 3) bgr of a video file; a short one repeats some.

    Raises:
        InvalidInput: it cannot be decoded, or is too long.
    """
    count = _length(video)
    wanted = [int((i + 0.5) * count / frames) for i in range(frames)]
    found: dict[int, NDArray[np.uint8]] = {}
    capture = cv2.VideoCapture(str(video))
    try:
        for number in range(wanted[-1] + 1):
            if not capture.grab():
                break
            if number in wanted:
                found[number] = np.asarray(capture.retrieve()[1], np.uint8)
    finally:
        capture.release()
    if set(wanted) - found.keys():
        raise InvalidInput(f"{video} cannot be decoded to its end")
    return [found[number] for number in wanted]


def _length(video: Path) -> int:
    """Frames that can be read; what a file claims is not always so."""
    capture, count = cv2.VideoCapture(str(video)), 0
    try:
        while count <= MOST_FRAMES and capture.grab():
            count += 1
    finally:
        capture.release()
    if not 0 < count <= MOST_FRAMES:
        words = "holds no frame that can be decoded" if not count else "is too long for a clip"
        raise InvalidInput(f"{video} {words}")
    return count
