from pathlib import Path

import numpy as np
import pytest
from seeded_weights import seeded_image

from affordance_grasp.datasets.stitching import (
    Catalogue,
    StitchPlan,
    StitchView,
    blurred_label,
    box_patches,
    sharp_label,
)
from affordance_grasp.errors import InvalidInput

GOLDEN = Path(__file__).parent / "golden"
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711])


def normalised(image):
    return ((image - CLIP_MEAN) / CLIP_STD).transpose(2, 0, 1)


def test_plain_view_is_the_released_test_transform():
    seen = normalised(StitchView().image(seeded_image(900, 300, 420)))
    expected = np.load(GOLDEN / "transforms.npz")["plsp_test_every_8th"]
    np.testing.assert_allclose(seen[:, ::8, ::8], expected, atol=1e-5)


def test_views_and_labels_are_those_of_the_released_training_code():
    arrays = np.load(GOLDEN / "plsp_train.npz")
    stitched = StitchView(256, 224, 4, 19, True, quadrant=1, others=(1, 2, 1))
    flipped = StitchView(256, 224, 3, 30, True)
    for index, view, name in (
        (0, stitched, "mask_cup"),
        (1, flipped, "mask_bicycle"),
    ):
        label = view.label(blurred_label(arrays[name], 256))
        expected = arrays["label"][index]
        np.testing.assert_allclose(label, expected, atol=1e-6 * expected.max())
    bicycle = seeded_image(531, 180, 140)
    cup = seeded_image(500, 150, 210)
    np.testing.assert_allclose(normalised(flipped.image(bicycle)), arrays["ego"][1], atol=1e-5)
    quadrants = normalised(stitched.image(cup, [bicycle] * 3))
    # the released code drew another image, which is not stored, for the third quadrant
    for rows, columns in ((slice(112), slice(224)), (slice(112, 224), slice(112, 224))):
        np.testing.assert_allclose(
            quadrants[:, rows, columns], arrays["ego"][0][:, rows, columns], atol=1e-5
        )


def test_object_patches_are_those_of_the_released_code():
    arrays = np.load(GOLDEN / "plsp_train.npz")
    box = arrays["box_cup"].astype(float)
    patches = box_patches(StitchView().box(box, 200, 160), 14, 224)
    np.testing.assert_array_equal(patches, arrays["object_patches"][0])


def drawn(plan, index, catalogue, seed=0):
    return plan.ego(np.random.default_rng(seed), index, catalogue)


def test_label_moves_with_the_image():
    color = np.zeros((256, 256, 3), np.uint8)
    color[60:100, 40:90] = 255
    target = (color[..., 0] / 255).astype(np.float32)
    for view in drawn(
        StitchPlan(crops=4, stitched=0), 5, Catalogue(("a",) * 6, {"a": frozenset()})
    ):
        image, label = view.image(color)[..., 0], view.label(target)
        np.testing.assert_array_equal(label > 0, image > 0)
        assert label.sum() == pytest.approx(1, abs=1e-5)
        box = view.box(np.array([40, 60, 90, 100.0]), 256, 256).astype(int)
        inside = image[box[1] : box[3], box[0] : box[2]]
        assert inside.all()
        assert inside.sum() == image.sum()


def test_empty_label_becomes_uniform():
    label = StitchView().label(np.zeros((224, 224), np.float32))
    np.testing.assert_allclose(label, 1 / 224**2, rtol=1e-6)


def test_stitched_views_never_hold_a_rival_for_their_query():
    objects = ("mug", "knife", "mug", "knife", "bowl")
    affordances = {
        "mug": frozenset({"hold", "pour"}),
        "knife": frozenset({"hold", "cut_with"}),
        "bowl": frozenset({"hold"}),
    }
    catalogue = Catalogue(objects, affordances)
    views = drawn(StitchPlan(crops=1, stitched=8), 0, catalogue)
    assert len(views) == 9
    for view in views[1:]:
        assert view.serves("pour")
        assert not view.serves("hold")
        assert all(objects[other] != "mug" for other in view.others)
    alone = drawn(StitchPlan(crops=1, stitched=2), 4, catalogue)
    assert all(view.quadrant is None for view in alone)


def test_stitched_views_hold_objects_that_share_no_affordance_where_there_are_any():
    affordances = {
        "cup": frozenset({"hold", "sip"}),
        "knife": frozenset({"hold", "cut_with"}),
        "bed": frozenset({"lie_on", "sit_on"}),
        "pen": frozenset({"write"}),
    }
    catalogue = Catalogue(("cup", "knife", "bed", "pen", "bed"), affordances)
    views = drawn(StitchPlan(crops=1, stitched=30), 0, catalogue)[1:]
    assert {other for view in views for other in view.others} == {2, 3, 4}
    assert all(view.serves("hold") and view.serves("sip") for view in views)


def test_views_of_a_set_in_which_everything_can_be_held_are_the_ones_whose_features_are_kept():
    affordances = {
        "mug": {"hold", "pour", "drink_with"},
        "knife": {"hold", "cut_with"},
        "bowl": {"hold", "stir"},
        "hammer": {"hold", "hit"},
        "bottle": {"hold", "pour", "open"},
    }
    objects = ("mug", "knife", "mug", "knife", "bowl", "hammer", "bottle", "bottle")
    catalogue = Catalogue(objects, {name: frozenset(a) for name, a in affordances.items()})
    plan = StitchPlan(crops=1, stitched=3)
    views = [plan.ego(np.random.default_rng([0, i]), i, catalogue) for i in (0, 4)]
    assert [[(v.top, v.left, v.flip, v.quadrant, v.others) for v in row] for row in views] == [
        [
            (28, 21, True, None, ()),
            (30, 16, False, 2, (6, 6, 3)),
            (26, 22, False, 0, (5, 5, 1)),
            (2, 28, False, 0, (4, 3, 1)),
        ],
        [
            (14, 29, True, None, ()),
            (5, 7, False, 3, (0, 1, 7)),
            (20, 12, True, 1, (2, 2, 1)),
            (25, 18, False, 3, (6, 6, 2)),
        ],
    ]


def test_views_depend_on_the_generator_only():
    plan, catalogue = StitchPlan(crops=3, stitched=0), Catalogue(("a",) * 3, {"a": frozenset()})
    assert drawn(plan, 1, catalogue) == drawn(plan, 1, catalogue)
    assert drawn(plan, 1, catalogue) != drawn(plan, 1, catalogue, seed=2)


def test_impossible_plan_is_refused():
    with pytest.raises(InvalidInput, match="side is 300"):
        StitchPlan(side=300)


ALONE = Catalogue(("a",), {"a": frozenset()})


def test_a_smaller_image_is_continued_by_its_reflection_and_so_is_its_label():
    color = np.zeros((100, 100, 3), np.uint8)
    color[10:40, 20:30] = 255
    view = StitchView(squash=100, side=140, top=-30, left=-5, flip=False)
    image, mask = view.image(color)[..., 0], view.mask(color[..., 0] / np.float32(255))
    np.testing.assert_array_equal(image, mask)
    assert image.shape == (140, 140)
    assert image[40:70, 25:35].all()  # where the image is
    assert image[:20, 25:35].all() and image.sum() == 10 * (30 + 20)  # and its reflection above
    box = view.box(np.array([20, 10, 30, 40.0]), 100, 100)
    np.testing.assert_array_equal(box, [25, 40, 35, 70])


def test_zoomed_views_are_of_all_sizes_and_published_ones_of_one():
    views = drawn(StitchPlan(crops=60, stitched=0, zoom=1.5), 0, ALONE)
    sizes = np.array([view.squash for view in views])
    assert 149 <= sizes.min() < 165 and 310 < sizes.max() <= 336
    assert (sizes < 224).any()
    for view in views:
        assert view.image(np.zeros((30, 40, 3), np.uint8)).shape == (224, 224, 3)
    assert {view.squash for view in drawn(StitchPlan(crops=9, stitched=0), 0, ALONE)} == {256}
    with pytest.raises(InvalidInput, match="zoom is 0.5"):
        StitchPlan(zoom=0.5)


def test_a_share_of_the_views_is_retaken_the_same_each_time():
    views = drawn(StitchPlan(crops=60, stitched=0, retaken=0.5), 0, ALONE)
    taken = [view for view in views if view.look is not None]
    assert 15 < len(taken) < 45
    color = seeded_image(3, 80, 90)
    np.testing.assert_array_equal(taken[0].image(color), taken[0].image(color))
    assert np.abs(taken[0].image(color) - taken[1].image(color)).max() > 0.05
    assert all(v.look is None for v in drawn(StitchPlan(crops=9, stitched=0), 0, ALONE))


def test_a_sharp_label_is_the_share_of_every_pixel_that_is_of_the_part():
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :20] = 200
    label = sharp_label(mask, 16)
    np.testing.assert_allclose(label[:, :5], 1)
    np.testing.assert_allclose(label[:, 5:], 0)
    mask[:, :22] = 200
    np.testing.assert_allclose(sharp_label(mask, 16)[:, 5], 0.5)
    assert sharp_label(mask, 64).sum() == 22 * 64
    assert blurred_label(mask, 64)[:, 25].min() > 0.1
