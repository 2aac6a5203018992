"""Segment Anything with a checkpoint that the user gives: masks of boxes, masks of everything.

Kirillov et al., "Segment Anything" (ICCV 2023), through the package segment-anything.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.encoders.device import check_device
from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.encoders.weights import load_strictly
from affordance_grasp.errors import CheckpointError
from affordance_grasp.extras import require
from affordance_grasp.learning.labels.masking import Box, BoxMasker, Mask, Masker

WIDTH_KEY = "image_encoder.patch_embed.proj.weight"
SIZES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
PUBLISHED_SHA256 = {
    "sam_vit_b_01ec64.pth": "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    "sam_vit_l_0b3195.pth": "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    "sam_vit_h_4b8939.pth": "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
}
POINTS_PER_SIDE = 8
SMALLEST_REGION = 100


def load_sam(checkpoint: Path, device: str = "cpu") -> Any:
    """The model of a SAM checkpoint, ViT-B, L or H by its tensors, in evaluation mode.

    A file under a published name must be that file; nothing is unpickled.
    """
    _check_digest(checkpoint)
    tensors = read_tensors(checkpoint)
    width = tensors[WIDTH_KEY].shape[0] if WIDTH_KEY in tensors else None
    if width not in SIZES:
        raise CheckpointError(
            f"{checkpoint} is no checkpoint of Segment Anything: {WIDTH_KEY} has "
            f"{width or 'no'} rows, expected {', '.join(map(str, SIZES))}"
        )
    model = require("segment_anything", "Segment Anything").sam_model_registry[SIZES[width]]()
    load_strictly(model, tensors, f"Segment Anything checkpoint {checkpoint}")
    return model.eval().requires_grad_(False).to(check_device(device))


def sam_masker(model: Any) -> Masker:
    """PLSP's mask step: one mask for one box prompt (stage A; ``multimask_output`` off).

    Unlike those of the other mask steps, its masks may reach out of their box, as SAM gives them.
    """
    predictor = require("segment_anything", "Segment Anything").SamPredictor(model)

    def open_image(color: NDArray[np.uint8], object_box: Box | None) -> BoxMasker:
        del object_box
        predictor.set_image(color)

        def mask_of(box: Box) -> Mask:
            masks, _, _ = predictor.predict(box=np.asarray(box), multimask_output=False)
            return np.asarray(masks[0], bool)

        return mask_of

    return Masker(open_image, may_invert=True)


def sam_segmenter(model: Any) -> Any:
    """SAM's automatic mask generator with the settings of PLSP's stage B."""
    return require("segment_anything", "Segment Anything").SamAutomaticMaskGenerator(
        model, points_per_side=POINTS_PER_SIDE, min_mask_region_area=SMALLEST_REGION
    )


def _check_digest(checkpoint: Path) -> None:
    expected = PUBLISHED_SHA256.get(checkpoint.name)
    if expected is None or not checkpoint.is_file():
        return  # a missing file is reported by its reader
    digest = hashlib.sha256()
    with checkpoint.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise CheckpointError(
            f"{checkpoint} is not the published file of that name: its sha256 is "
            f"{digest.hexdigest()[:12]}..., expected {expected[:12]}...; download it again"
        )
