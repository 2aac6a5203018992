"""People are photographed from the side that shows what they take; close-ups show single parts."""

import numpy as np

from affordance_grasp.simulation.dataset.functional_parts import functional_parts
from affordance_grasp.simulation.dataset.masked_images import MaskedImage, close_up, exocentric
from affordance_grasp.simulation.objects import make_object


def test_most_images_of_people_show_the_part_that_is_taken():
    shown = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        knife, parts = make_object("knife", seed), functional_parts("hold", "knife")
        for image in exocentric(knife, "hold", 2, 96, rng, parts=parts):
            assert image.color.shape[:2] == image.whole.shape
            shown.append(sum(image.parts[p].mean() for p in parts if p in image.parts))
    assert np.median(shown) > 0.01


def bar():
    """A bar from left to right: its first half is the blade, its second the handle."""
    parts = {name: np.zeros((120, 160), bool) for name in ("blade", "handle")}
    parts["blade"][50:70, 10:80] = parts["handle"][50:70, 80:150] = True
    color = np.zeros((120, 160, 3), np.uint8)
    color[parts["blade"]], color[parts["handle"]] = (255, 0, 0), (0, 255, 0)
    return MaskedImage(color, parts["blade"] | parts["handle"], parts)


def test_close_ups_are_filed_under_what_they_show():
    groups = {"cut_with": ("blade",), "hold": ("handle",)}
    found = [close_up(bar(), groups, np.random.default_rng(seed)) for seed in range(20)]
    filed = set()
    for piece, shown in (pair for pair in found if pair is not None):
        assert piece.color.shape == (120, 120, 3)
        red, green = ((piece.color[..., i] > 128).sum() for i in (0, 1))
        assert (red > 3 * green) if shown == ("cut_with",) else (green > 3 * red)
        assert piece.parts[groups[shown[0]][0]].sum() > 1000
        filed |= set(shown)
    assert filed == {"cut_with", "hold"}


def test_no_close_up_where_parts_cannot_be_told_apart():
    groups = {"hold": ("handle",), "lift": ("handle",)}
    assert close_up(bar(), groups, np.random.default_rng(0)) is None
