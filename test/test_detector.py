"""The simulated part detector: exact without faults, adjustable faults, same faults each time."""

import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput
from affordance_grasp.simulation.dataset.detector import SimulatedDetector, mask_box

PART, WHOLE, SIZE = (40.0, 50.0, 60.0, 90.0), (10.0, 20.0, 200.0, 220.0), (320, 240)


def answers(detector, n=2000):
    return [
        detector.detect(f"mug_{i:06d}.jpg", "mug handle", [PART], WHOLE, SIZE) for i in range(n)
    ]


def test_without_faults_the_box_is_exact():
    found = answers(SimulatedDetector(0, 0, 0), 1)[0]
    assert found.boxes.tolist() == [list(PART)]
    assert 0.5 < found.scores[0] <= 1


def test_hidden_parts_are_not_found():
    found = SimulatedDetector(0, 0, 0).detect("a.jpg", "mug handle", [], WHOLE, SIZE)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_faults_come_at_the_rates_that_are_set():
    found = answers(SimulatedDetector(miss_rate=0.2, whole_object_rate=0.3, jitter=0))
    missed = np.mean([len(f.boxes) == 0 for f in found])
    whole = np.mean([f.boxes.tolist() == [list(WHOLE)] for f in found])
    assert missed == pytest.approx(0.2, abs=0.03)
    assert whole == pytest.approx(0.3, abs=0.03)


def test_jitter_is_a_share_of_the_box():
    found = answers(SimulatedDetector(0, 0, jitter=0.1))
    shift = np.array([f.boxes[0] - PART for f in found])
    assert shift.std(axis=0) == pytest.approx([2, 4, 2, 4], rel=0.1)


def test_boxes_stay_boxes_inside_the_image():
    wild = SimulatedDetector(0, 0.5, jitter=1.0)
    for found in answers(wild, 300):
        left, top, right, bottom = found.boxes[0]
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]


def test_same_image_same_answer_other_seed_other_answer():
    first, second = answers(SimulatedDetector(seed=1), 50), answers(SimulatedDetector(seed=1), 50)
    other = answers(SimulatedDetector(seed=2), 50)
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(first, second, strict=True))
    assert any(not np.array_equal(a.boxes, b.boxes) for a, b in zip(first, other, strict=True))


def test_rates_must_be_shares():
    with pytest.raises(InvalidInput, match="miss_rate is 1.5"):
        SimulatedDetector(miss_rate=1.5)
    with pytest.raises(InvalidInput, match="together"):
        SimulatedDetector(miss_rate=0.6, whole_object_rate=0.6)


def test_box_of_a_mask():
    mask = np.zeros((10, 20), bool)
    assert mask_box(mask) is None
    mask[3:5, 7:12] = True
    assert mask_box(mask) == (7, 3, 12, 5)
