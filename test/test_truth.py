"""Scores of a heatmap and of a grasp against a mask."""

import cv2
import numpy as np
import pytest

from affordance_grasp.datatypes import Heatmap, RankedGrasp
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import pose
from affordance_grasp.pipeline import NO_METHOD
from affordance_grasp.replay.truth import TruthFolder, on_part, score_heatmap

MASK = np.zeros((120, 160), np.uint8)
MASK[40:80, 60:100] = 255


def heatmap(values):
    values = values.astype(np.float32)
    return Heatmap(values, values, "hold", "hold", "plsp", 1.0)


def grasp(u, v):
    return RankedGrasp(pose(), 0.02, np.zeros(3), (u, v), 1.0, 1.0, 0)


def test_a_map_that_no_method_made_has_no_score():
    values = (MASK / 255).astype(np.float32)
    placeholder = Heatmap(values, values, "hold", "hold", NO_METHOD, 0.0)
    assert score_heatmap(placeholder, MASK) is None


def test_a_perfect_map_and_a_wrong_one():
    perfect = score_heatmap(heatmap(MASK / 255), MASK)
    assert perfect["kld"] == pytest.approx(0, abs=1e-6)
    assert perfect["sim"] == pytest.approx(1, abs=1e-6)
    wrong = score_heatmap(heatmap(MASK[::-1, ::-1] < 1), MASK)
    assert wrong["kld"] > 1 and wrong["sim"] < 0.3 and wrong["nss"] < 0


def test_what_has_no_score():
    assert score_heatmap(heatmap(MASK), np.zeros_like(MASK)) is None
    assert score_heatmap(heatmap(np.zeros(MASK.shape)), MASK) is None
    assert on_part(grasp(5, 5), np.zeros_like(MASK)) is None


@pytest.mark.parametrize(
    ("uv", "expected"),
    [
        ((80, 60), True),
        ((58.4, 60), True),
        ((57, 60), False),
        ((10, 10), False),
        ((900, 5), False),
    ],
)
def test_a_contact_on_the_part_to_two_pixels(uv, expected):
    assert on_part(grasp(*uv), MASK) is expected


def test_a_folder_by_stamp_or_by_index(tmp_path):
    cv2.imwrite(str(tmp_path / "000003.png"), MASK)
    cv2.imwrite(str(tmp_path / "1700000000000000007.png"), 255 - MASK)
    cv2.imwrite(str(tmp_path / "notes.png"), MASK)
    folder = TruthFolder(tmp_path)
    np.testing.assert_array_equal(folder.find(5, 3), MASK)
    np.testing.assert_array_equal(folder.find(1700000000000000007, 9), 255 - MASK)
    assert folder.find(5, 4) is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no PNG named after a stamp"):
        TruthFolder(tmp_path / "empty")
