import numpy as np
import pytest

from affordance_grasp.datasets.crops import Crop, CropPlan
from affordance_grasp.datasets.stitching import Catalogue
from affordance_grasp.errors import InvalidInput

CATALOGUE = Catalogue(("mug",), {"mug": frozenset({"hold"})})


def ramps(height, width):
    """Red grows from left to right, green from top to bottom; blue is flat."""
    color = np.zeros((height, width, 3), np.uint8)
    color[..., 0] = np.linspace(0, 255, width)[None]
    color[..., 1] = np.linspace(0, 255, height)[:, None]
    return color


def test_plain_view_is_the_whole_image_squashed():
    image = CropPlan().plain.image(ramps(100, 300))
    assert image.shape == (224, 224, 3) and image.dtype == np.float32
    assert image[112, 0, 0] < 0.02 and image[112, -1, 0] > 0.98
    assert image[0, 112, 1] < 0.02 and image[-1, 112, 1] > 0.98


def test_shorter_side_keeps_the_aspect():
    crop = Crop("shorter_side", resized=256, side=224, top=0.0, left=0.0)
    red = crop.image(ramps(256, 512))[0, :, 0]
    # 224 of 512 columns: the ramp reaches 224 / 512 of its end
    assert red[-1] == pytest.approx(223 / 511, abs=0.01)
    last = Crop("shorter_side", 256, 224, 0.0, 0.999999).image(ramps(256, 512))[0, :, 0]
    assert last[-1] > 0.99


def test_squash_changes_the_aspect_and_shares_reach_the_far_corner():
    red = Crop("squash", 256, 224, 0.999999, 0.999999).image(ramps(100, 300))
    assert red[0, 0, 0] == pytest.approx(32 / 255, abs=0.01)
    assert red[-1, -1, 0] > 0.99 and red[-1, -1, 1] > 0.99


def test_mirror_turns_left_and_right_only():
    plain, mirrored = (Crop(flip=flip).image(ramps(224, 224)) for flip in (False, True))
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_resizing_antialiases_as_pillow_does():
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, ::2] = 255
    image = Crop().image(stripes)
    assert image[:, 4:-4].min() > 0.4 and image[:, 4:-4].max() < 0.6


def test_crops_are_drawn_over_the_whole_room_and_repeat_with_the_seed():
    plan = CropPlan(ego_crops=200, exo_crops=2)
    crops = plan.ego(np.random.default_rng(0), 0, CATALOGUE)
    assert crops == plan.ego(np.random.default_rng(0), 0, CATALOGUE)
    tops = {int(crop.top * (256 - 224 + 1)) for crop in crops}
    assert min(tops) == 0 and max(tops) == 32
    assert 60 < sum(crop.flip for crop in crops) < 140
    assert len(plan.exo(np.random.default_rng(0), 0, CATALOGUE)) == 2


@pytest.mark.parametrize(
    "wrong", [{"resize": "stretch"}, {"ego_crops": 0}, {"exo_crops": -1}, {"side": 300}], ids=str
)
def test_plans_that_give_no_crop_are_refused(wrong):
    with pytest.raises(InvalidInput):
        CropPlan(**wrong)
