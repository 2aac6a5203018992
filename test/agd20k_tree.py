"""A tiny data set in AGD20K's layout: coloured shapes whose functional part is a small square."""

import json

import numpy as np
from PIL import Image

OBJECTS = {"mug": ("hold", "pour"), "knife": ("hold", "cut_with")}
COLORS = {"mug": (200, 60, 40), "knife": (40, 80, 200)}
PART_COLORS = {"hold": (250, 220, 40), "pour": (40, 220, 120), "cut_with": (230, 230, 235)}


def write_tree(root, split="Seen", train=3, test=2, seed=0):
    """Write the tree and its part boxes; returns the split's folder."""
    rng = np.random.default_rng(seed)
    folder = root / split
    answers = {"parts": {}, "objects_ego": {}, "objects_exo": {}, "prompts": {}}
    for name, affordances in OBJECTS.items():
        for number in range(train + test):
            color, boxes, whole = _image(rng, name)
            stem = f"{name}_{number:06d}"
            for affordance in affordances:
                part = "trainset" if number < train else "testset"
                _save(folder / part / "egocentric" / affordance / name / f"{stem}.jpg", color)
                if number >= train:
                    truth = _truth(color.shape[:2], boxes[affordance])
                    _save(folder / "testset/GT" / affordance / name / f"{stem}.png", truth)
                    continue
                exo, _, exo_whole = _image(rng, name)
                exo_file = f"{affordance}_{stem}.jpg"
                _save(folder / "trainset/exocentric" / affordance / name / exo_file, exo)
                key = (affordance, name)
                _note(answers["parts"], key, f"{stem}.jpg", boxes[affordance])
                _note(answers["objects_ego"], key, f"{stem}.jpg", whole)
                _note(answers["objects_exo"], key, exo_file, exo_whole)
                answers["prompts"].setdefault(affordance, {})[name] = f"part of the {name}"
    (folder / "trainset/detections.json").write_text(json.dumps(answers))
    return folder


def _image(rng, name):
    color = rng.integers(90, 130, (96, 120, 3)).astype(np.uint8)
    top, left = rng.integers(12, 24, 2)
    color[top : top + 56, left : left + 72] = COLORS[name]
    boxes = {}
    for i, affordance in enumerate(OBJECTS[name]):
        t, lft = top + 6 + 26 * i, left + 6 + 40 * i
        color[t : t + 18, lft : lft + 20] = PART_COLORS[affordance]
        boxes[affordance] = [int(lft), int(t), int(lft + 20), int(t + 18)]
    return color, boxes, [int(left), int(top), int(left + 72), int(top + 56)]


def _truth(shape, box):
    import cv2

    heat = np.zeros(shape, np.float32)
    heat[box[1] : box[3], box[0] : box[2]] = 1
    heat = cv2.GaussianBlur(heat, (35, 35), 0)
    return np.round(255 * heat / heat.max()).astype(np.uint8)


def _note(table, key, file, box):
    by_object = table.setdefault(key[0], {}).setdefault(key[1], {})
    by_object[file] = {"boxes": [box], "scores": [0.9]}


def _save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, quality=95)
