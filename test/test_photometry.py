"""Light as a camera takes it, soft shadows, and photographs as ground and walls."""

import cv2
import numpy as np
import pytest

from affordance_grasp.datasets import photometry
from affordance_grasp.datasets.photometry import photographed, retaken
from affordance_grasp.errors import InvalidInput
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.dataset.jobs import Job, Kind, render_job
from affordance_grasp.simulation.dataset.studio import surroundings

GRAY = np.full((60, 80, 3), 120, np.uint8)
STILL = {
    "EXPOSURE_STOPS": (0, 0),
    "WARMTH": (0, 0),
    "TINT": (0, 0),
    "BLUR_PX": (0, 0),
    "CORNER_LOSS": (0, 0),
    "FULL_WELL": (1e12, 1e12),
    "JPEG_QUALITY": (99, 100),
}


def camera(monkeypatch, **settings):
    for name, value in (STILL | settings).items():
        monkeypatch.setattr(photometry, name, value)
    return lambda image: photographed(image, np.random.default_rng(0)).astype(int)


def test_a_camera_that_does_nothing_changes_nothing(monkeypatch):
    shades = np.tile(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], (60, 1, 3))
    assert np.abs(camera(monkeypatch)(shades) - shades).max() <= 2


def test_a_stop_is_twice_the_light(monkeypatch):
    brighter = camera(monkeypatch, EXPOSURE_STOPS=(1, 1))(GRAY)
    linear = photometry._linear
    assert linear(brighter).mean() == pytest.approx(2 * linear(GRAY).mean(), rel=0.02)


def test_warm_light_is_red_and_leaves_green(monkeypatch):
    red, green, blue = camera(monkeypatch, WARMTH=(0.2, 0.2))(GRAY).mean(axis=(0, 1))
    assert red > 123 and abs(green - 120) < 2 and blue < 117


def test_a_lens_blurs_edges_and_darkens_corners(monkeypatch):
    edge = np.zeros((60, 80, 3), np.uint8)
    edge[:, 40:] = 200
    row = camera(monkeypatch, BLUR_PX=(8, 8))(edge)[30, :, 0]
    assert 20 < row[39] < 180
    dark = camera(monkeypatch, CORNER_LOSS=(0.5, 0.5))(GRAY)
    assert dark[0, 0].mean() < dark[30, 40].mean() - 20


def test_noise_is_larger_in_dark_light(monkeypatch):
    take = camera(monkeypatch, FULL_WELL=(500, 500))
    linear = photometry._linear
    bright, dark = (linear(take(np.full((60, 80, 3), v, np.uint8))) for v in (200, 60))
    assert dark.std() / dark.mean() > 1.5 * bright.std() / bright.mean()


def image(**settings) -> np.ndarray:
    config = DatasetConfig(size=96, **settings)
    (record, *_) = render_job(config, Job(Kind.TEST, "mug", 0, 0, 1))
    return cv2.imdecode(np.frombuffer(record.jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_soft_light_is_another_image_and_the_same_each_time():
    soft = image(light="soft")
    assert np.array_equal(soft, image(light="soft"))
    assert not np.array_equal(soft, image())


def test_the_ground_is_a_photograph(tmp_path):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/lawn.png"), np.full((40, 60, 3), (0, 255, 0), np.uint8))
    blue, green, red = image(backgrounds=tmp_path / "photos")[:4].mean(axis=(0, 1))
    assert green > 3 * blue and green > 3 * red


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="holds no photographs"):
        surroundings(DatasetConfig(backgrounds=tmp_path))


def test_an_image_retaken_has_other_colours_and_its_shapes_in_place():
    color = np.full((96, 120, 3), (40, 60, 160), np.uint8)
    color[20:50, 30:70] = (230, 60, 40)
    shares = []
    for seed in range(12):
        seen = retaken(color, np.random.default_rng(seed))
        assert seen.shape == color.shape and seen.dtype == np.uint8
        inside, around = seen[25:45, 35:65].mean(axis=(0, 1)), seen[60:90].mean(axis=(0, 1))
        nearer = np.linalg.norm(seen - inside, axis=2) < np.linalg.norm(seen - around, axis=2)
        shape = np.zeros((96, 120), bool)
        shape[20:50, 30:70] = True
        shares.append((nearer & shape).sum() / (nearer | shape).sum())
    assert np.median(shares) > 0.9
    colors = [retaken(color, np.random.default_rng(seed))[35, 50] for seed in range(12)]
    assert np.std(colors, axis=0).max() > 20
