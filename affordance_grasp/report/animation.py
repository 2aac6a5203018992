"""An animated GIF of limited size."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.report.figures import RgbImage

PALETTE_SAMPLES = 8
SHRINK = 0.8
SMALLEST_PX = 160
LAST_FRAME_MS = 1500


def write_gif(
    path: Path,
    frames: Sequence[RgbImage],
    fps: float,
    width_px: int = 480,
    max_bytes: int = 3_000_000,
) -> Path:
    """Write frames as a looping GIF, scaled down until it has at most ``max_bytes``.

    ``fps`` frames are shown per second; the last one is held before the loop. One palette for the
    whole animation, without dithering, keeps the background constant and the file small.
    """
    if not frames:
        raise InvalidInput("an animation needs at least one frame")
    while True:
        content = _encoded(frames, fps, width_px)
        if len(content) <= max_bytes or width_px * SHRINK < SMALLEST_PX:
            return write_file(path, content)
        width_px = int(width_px * SHRINK)


def _encoded(frames: Sequence[RgbImage], fps: float, width_px: int) -> bytes:
    images = [_scaled(frame, width_px) for frame in frames]
    step = max(1, len(images) // PALETTE_SAMPLES)
    sample = np.vstack([np.asarray(image) for image in images[::step]])
    palette = Image.fromarray(sample).quantize(192, method=Image.Quantize.MEDIANCUT)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    frame_ms = round(1000 / fps / 10) * 10
    content = BytesIO()
    indexed[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=[frame_ms] * (len(indexed) - 1) + [LAST_FRAME_MS],
        loop=0,
        optimize=False,
    )
    return content.getvalue()


def _scaled(frame: RgbImage, width_px: int) -> Image.Image:
    image = Image.fromarray(np.asarray(frame, np.uint8))
    height = round(image.height * width_px / image.width)
    return image.resize((width_px, height), Image.Resampling.LANCZOS)
