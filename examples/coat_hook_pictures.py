"""Forty simulated pictures of coat hooks for docs/own_verbs.md, where no camera is at hand.

    affordance-grasp dataset init data/hooks hang_up/coat_hook hold/coat_hook
    python examples/coat_hook_pictures.py data/hooks        # needs the extra [sim]
10 of coat hooks alone and 10 close-ups, 10 of hands for each verb, and 20 with masks for the test.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from affordance_grasp.simulation.dataset.detector import SimulatedDetector, mask_box
from affordance_grasp.simulation.dataset.jobs import annotate
from affordance_grasp.simulation.dataset.masked_images import close_up, egocentric, exocentric
from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly

VERBS = {"hang_up": ("hook",), "hold": ("plate",)}
NAME, SPLIT, SIDE = "coat_hook", "Own", 224


def coat_hook(seed):
    """A plate to be screwed to a wall, on its back, and a hook that stands off one end."""
    rng = np.random.default_rng(seed)
    out, metal = Assembly(), materials.steel(rng)
    plate = materials.wood(rng) if rng.uniform() < 0.5 else materials.plastic(rng)
    long, wide, thick = rng.uniform(0.07, 0.10), rng.uniform(0.040, 0.055), 0.012
    out.bar("plate", (-long, 0, thick / 2), (0, 0, thick / 2), (wide, thick), plate)
    bar, bend = rng.uniform(0.0045, 0.0065), rng.uniform(0.016, 0.024)
    reach = rng.uniform(0.035, 0.060)
    turn = np.linspace(0, np.pi * 0.95, 7)
    bow = [(reach + bend * np.sin(a), bend * (np.cos(a) - 1), thick / 2) for a in turn]
    out.chain("hook", [(-0.01, 0, thick / 2), *bow], bar, metal)
    return out.finish(NAME, seed, 0.2)


def main():
    """Render, and write pictures, boxes and ground truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="made by dataset init")
    parser.add_argument(
        "--objects", type=int, default=10, help="for training, and for testing (10)"
    )
    arguments = parser.parse_args()
    root, detector = arguments.folder / SPLIT, SimulatedDetector()
    found = {
        kind: defaultdict(lambda: {NAME: {}}) for kind in ("parts", "objects_ego", "objects_exo")
    }

    def save(kind, verb, stem, image):
        path = root / "trainset" / kind / verb / NAME / f"{stem}.jpg"
        write(path, image.color[..., ::-1])
        whole, size = mask_box(image.whole), image.whole.shape[::-1]
        objects = detector.detect(path.name, NAME, [whole] if whole else [], whole, size)
        note(found["objects_ego" if kind == "egocentric" else "objects_exo"], verb, path, objects)
        if kind == "egocentric":
            boxes = [image.boxes()[part] for part in VERBS[verb] if part in image.boxes()]
            note(found["parts"], verb, path, detector.detect(path.name, verb, boxes, whole, size))

    for i in range(arguments.objects):
        rng, obj = np.random.default_rng(i), coat_hook(i)
        (alone,) = egocentric(obj, 1, SIDE, rng, ("hook", "plate"))
        near = close_up(alone, VERBS, rng)
        for verb, parts in VERBS.items():
            save("egocentric", verb, f"whole_{i:02d}", alone)
            if near and verb in near[1]:
                save("egocentric", verb, f"near_{i:02d}", near[0])
            (hand,) = exocentric(obj, verb, 1, SIDE, rng, parts=parts)
            save("exocentric", verb, f"{verb}_{i:02d}", hand)
    for i in range(arguments.objects):
        rng, obj = np.random.default_rng(1000 + i), coat_hook(1000 + i)
        for j, image in enumerate(egocentric(obj, 2, SIDE, rng, ("hook", "plate"))):
            for verb, parts in VERBS.items():
                place = f"{verb}/{NAME}/test_{i:02d}_{j}"
                mask = np.any([image.parts[part] for part in parts if part in image.parts], axis=0)
                write(root / "testset/egocentric" / f"{place}.jpg", image.color[..., ::-1])
                write(root / "testset/GT" / f"{place}.png", annotate(mask, rng))
                write(
                    root / "testset/whole_obj_mask" / f"{place}.png", np.uint8(image.whole) * 255
                )
    (root / "trainset/detections.json").write_text(json.dumps(found))


def note(table, verb, path, detected):
    """Keep a detector's answer as the file of boxes has it."""
    answer = {"boxes": detected.boxes.tolist(), "scores": detected.scores.tolist()}
    table[verb][NAME][path.name] = answer


def write(path, image):
    """Write an image, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


if __name__ == "__main__":
    main()
