"""Detectors of parts and objects that are asked in words: programs of others, networks of a hub.

A program finds ``image.png`` and ``request.json`` (``prompts``: what to look for; ``width``,
``height``) in a folder and leaves ``boxes.json`` there::

    {"knife blade": {"boxes": [[left, top, right, bottom], ...], "scores": [0.9, ...]}}

Boxes are in pixels, right and bottom exclusive; a prompt that was not found may be left out. Of a
prompt with points between its words, "bicycle seat.bicycle pedal", each counts by itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datasets.detections import Detections, FoundBoxes
from affordance_grasp.errors import EnvironmentFault, ExternalFault, InvalidInput
from affordance_grasp.external.folder_program import FolderProgram
from affordance_grasp.extras import require

WHO = "the part detector"
IMAGE, BOXES = "image.png", "boxes.json"
LEAST_SCORE = 0.05
"""Below it a network's boxes are noise; which of the others count, the labels decide."""


class BoxDetector(Protocol):
    """Looks for what words say.

    ``name``: which detector it is, with all that its boxes depend on.
    """

    name: str

    def detect(
        self, color: NDArray[np.uint8], prompts: Sequence[str]
    ) -> dict[str, Detections | None]:
        """What was found of every prompt on an rgb image (H, W, 3); None for nothing."""


class ProgramDetector:
    """A program of others, such as VLPart or PartGLEE, that answers to folders."""

    def __init__(self, command: str, timeout_s: float, *, persistent: bool) -> None:
        """See :class:`FolderProgram`."""
        self.name = f"program {command}"
        self._program = FolderProgram(command, WHO, timeout_s, persistent=persistent)

    def detect(
        self, color: NDArray[np.uint8], prompts: Sequence[str]
    ) -> dict[str, Detections | None]:
        """See :class:`BoxDetector`.

        Raises:
            ExternalFault: it fails, takes too long, or its boxes are not usable.
        """
        height, width = color.shape[:2]
        request = {"prompts": list(prompts)}
        encoded = self._program.ask_of_image(color, IMAGE, request, BOXES)
        try:
            found = msgspec.json.decode(encoded, type=dict[str, FoundBoxes | None])
            return {prompt: inside(found.get(prompt), width, height) for prompt in prompts}
        except (InvalidInput, msgspec.DecodeError, ValueError) as error:
            raise ExternalFault(f"{WHO}: {BOXES}: {error}") from error


class ZeroShotDetector:
    """Grounding DINO, OWLv2 or another such network of the package transformers."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        """``source``: a folder of its files, or its name on the hub; safetensors alone are read.

        Raises:
            EnvironmentFault: it is not there.
        """
        transformers = require("transformers", "a zero-shot detector")
        if not Path(source).is_dir() and source.count("/") != 1:
            raise InvalidInput(f"detector {source} is neither a folder nor OWNER/NAME of the hub")
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(source)
            network = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(
                source, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise EnvironmentFault(
                f"detector {source} cannot be loaded ({error}); give a folder with its files"
            ) from error
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device
        self._sentence = network.config.model_type == "grounding-dino"
        self.name = f"{network.config.model_type} {source}"

    def detect(
        self, color: NDArray[np.uint8], prompts: Sequence[str]
    ) -> dict[str, Detections | None]:
        """See :class:`BoxDetector`; every prompt by itself, so that none takes another's boxes."""
        return {prompt: self._find(color, prompt) for prompt in prompts}

    def _find(self, color: NDArray[np.uint8], prompt: str) -> Detections | None:
        import torch

        height, width = color.shape[:2]
        words = [part.strip() for part in prompt.split(".") if part.strip()]
        text: Any = ". ".join(words).lower() + "." if self._sentence else [words]
        inputs = self._processor(images=color, text=text, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            outputs = self._network(**inputs)
        told = {"input_ids": inputs["input_ids"], "text_threshold": 0.0} if self._sentence else {}
        (found,) = self._processor.post_process_grounded_object_detection(
            outputs, threshold=LEAST_SCORE, target_sizes=[(height, width)], **told
        )
        boxes = [tuple(map(float, box)) for box in found["boxes"].tolist()]
        return inside(FoundBoxes(boxes, found["scores"].tolist()), width, height)  # type: ignore[arg-type]


def inside(found: FoundBoxes | None, width: int, height: int) -> Detections | None:
    """The boxes within an image of ``width`` x ``height``, cut off at its rim; None for none.

    Raises:
        InvalidInput: boxes and scores that do not fit together, or are no numbers.
    """
    if found is None or not found.boxes:
        return None
    boxes, scores = np.array(found.boxes, float), np.array(found.scores, float)
    if len(boxes) != len(scores) or not np.isfinite(boxes).all():
        raise InvalidInput(f"{len(boxes)} boxes of finite numbers need {len(boxes)} scores")
    boxes = np.clip(boxes, 0, [width, height, width, height])
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Detections(boxes[kept], scores[kept]) if kept.any() else None
