"""OPRA's and EPIC's clips and points become a split; the metrics of that literature."""

import json

import numpy as np
import pytest
from PIL import Image

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.hotspots import heatmap_of_points, import_hotspots
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color, read_gray
from affordance_grasp.learning.evaluation.hotspots import auc_judd, hotspot_scores, map_28
from affordance_grasp.methods.shared.samples import TripletSampling, triplets


def save(path, level=0, size=(60, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def opra(root):
    clip, image = ["a", "b", "c", "d", "e"], ["a", "b", "c", "1.jpg"]
    for number in range(1, 11):
        save(root / f"data/frames/a/b/c/d_e.mp4/image-{number:08d}.jpg", 20 * number)
    save(root.joinpath("data/images", *image))
    return {
        "verbs": ["Hold", "press button"],
        "nouns": ["coffee machine"],
        "train_clips": [
            {"clip": clip, "nframes": 10, "verb": 1, "noun": 0, "image": image},
            {"clip": ["x", *clip[1:]], "nframes": 3, "verb": 0, "noun": 0, "image": image},
        ],
        "test_images": [
            {"image": image, "verb": 1, "noun": 0, "points": [[5, 50], [6, 51]], "shape": [40, 60]}
        ],
    }


def epic(root, annotations):
    for frame in range(100, 141, 10):
        save(root / f"frames_rgb_flow/rgb/train/P01/P01_01/frame_{frame:010d}.jpg", frame)
    save(root / "object_detection_images/train/P01/P01_01/0000000007.jpg")
    save(annotations.parent / "images/P01_1.png")
    box = {"v_id": "P01_01", "f_id": 7, "box": [10, 5, 40, 35]}
    return {
        "verbs": ["hold"],
        "nouns": ["mug"],
        "train_clips": [{"v_id": "P01_01", "start": 100, "stop": 145, "verb": 0, "noun": 0}],
        "inactive_images": {"mug": [box]},
        "test_images": [
            {"image": ["P01_1.png"], "verb": 0, "noun": 0, "points": [[50, 5]], "shape": [60, 40]}
        ],
    }


def peak(path):
    return np.unravel_index(read_gray(path).argmax(), read_gray(path).shape)


def test_opra_becomes_clips_images_and_ground_truth(tmp_path, capsys):
    source, annotations, root = tmp_path / "opra", tmp_path / "annotations.json", tmp_path / "out"
    annotations.write_text(json.dumps(opra(source)))
    words = ["dataset", "hotspots", "opra", str(source), str(annotations), str(root)]
    assert main([*words, "--frames", "4"]) == 0
    assert capsys.readouterr().out == "1 clips, 2 images, 1 tested, 1 missing\n"
    (root / "Seen/trainset/egocentric/hold").rename(tmp_path / "of a clip that is missing")
    split = load_split(root, "Seen")
    assert split.affordances == ("press_button",)
    (clip,) = triplets(split, TripletSampling(frames=4)).clips.values()
    assert [round(read_color(p.path).mean(), -1) for p in clip] == [40, 80, 140, 180]
    row, column = peak(split.test[0].truth)
    assert abs(row - 5) <= 2 and abs(column - 50) <= 2


def test_epics_points_are_columns_first(tmp_path):
    source, annotations, root = tmp_path / "epic", tmp_path / "annotations.json", tmp_path / "out"
    annotations.write_text(json.dumps(epic(source, annotations)))
    count = import_hotspots("epic", source, annotations, root, 32)
    assert count == {"clips": 1, "images": 1, "tested": 1, "missing": 0}
    split = load_split(root, "Seen")
    assert len(split.train_exo) == 5
    assert read_color(split.train_ego[0].path).shape == (30, 30, 3)
    row, column = peak(split.test[0].truth)
    assert abs(row - 5) <= 2 and abs(column - 50) <= 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verbs": 3}, "is not as that of interaction hotspots"),
        ({"train_clips": [{}]}, "is not as that of interaction hotspots"),
        ({"test_images": []}, "holds none of the frames or images"),
    ],
)
def test_other_annotations_are_one_sentence(tmp_path, change, words):
    annotations = tmp_path / "annotations.json"
    annotations.write_text(json.dumps({**opra(tmp_path / "opra"), **change}))
    with pytest.raises(InvalidInput, match=words):
        import_hotspots("opra", tmp_path / "opra", annotations, tmp_path / "out", 4)


def test_points_outside_count_at_the_rim():
    heat = heatmap_of_points([[-3, 70]], (40, 60))
    assert heat.shape == (40, 60) and heat[0, 59] == heat.max() == 255


def test_auc_counts_pairs_and_ties_half():
    saliency = np.array([0.9, 0.5, 0.5, 0.1])
    fixated = np.array([True, False, True, False])
    assert auc_judd(saliency, fixated) == pytest.approx((2 + 0.5 + 1) / 4)
    assert np.isnan(auc_judd(saliency, np.zeros(4, bool)))


def test_a_map_of_the_truth_scores_best_and_a_flat_one_by_chance():
    truth = heatmap_of_points([[50, 60]], (112, 112)) / 255
    best = hotspot_scores([truth.astype(np.float32)], [truth])
    flat = hotspot_scores([np.ones((14, 14), np.float32)], [truth])
    assert best["kld"] < 0.1 and best["sim"] > 0.8 and best["auc_j"] > 0.99  # it is blurred
    assert flat["auc_j"] == pytest.approx(0.5) and flat["kld"] > 0.5
    assert hotspot_scores([truth], [np.zeros((9, 9))])["maps"] == 1
    assert map_28(np.array([[-1.0, 3.0]])).min() == 0
