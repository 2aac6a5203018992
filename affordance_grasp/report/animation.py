"""An animated GIF small enough to send to somebody."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.report.pictures import Picture

PALETTE_SAMPLES = 8
SHRINK = 0.8
SMALLEST_PX = 160
LAST_FRAME_MS = 1500


def write_gif(
    path: Path,
    frames: Sequence[Picture],
    fps: float,
    width_px: int = 480,
    max_bytes: int = 3_000_000,
) -> Path:
    """Write frames as a looping GIF of at most ``max_bytes``, smaller if it must be.

    ``fps`` frames are shown in a second; the last one stands a while before it starts again.

    One palette, chosen over the whole animation and used without dithering, keeps the background
    still, so that only what moves is stored.
    """
    if not frames:
        raise InvalidInput("an animation needs at least one frame")
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        _write(path, frames, fps, width_px)
        if path.stat().st_size <= max_bytes or width_px * SHRINK < SMALLEST_PX:
            return path
        width_px = int(width_px * SHRINK)


def _write(path: Path, frames: Sequence[Picture], fps: float, width_px: int) -> None:
    images = [_scaled(frame, width_px) for frame in frames]
    step = max(1, len(images) // PALETTE_SAMPLES)
    sample = np.vstack([np.asarray(image) for image in images[::step]])
    palette = Image.fromarray(sample).quantize(192, method=Image.Quantize.MEDIANCUT)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    frame_ms = round(1000 / fps / 10) * 10
    indexed[0].save(
        path,
        save_all=True,
        append_images=indexed[1:],
        duration=[frame_ms] * (len(indexed) - 1) + [LAST_FRAME_MS],
        loop=0,
        optimize=False,
    )


def _scaled(frame: Picture, width_px: int) -> Image.Image:
    image = Image.fromarray(np.asarray(frame, np.uint8))
    height = round(image.height * width_px / image.width)
    return image.resize((width_px, height), Image.Resampling.LANCZOS)
