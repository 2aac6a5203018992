"""People are photographed from the side that shows what they take."""

import numpy as np

from affordance_grasp.simulation.objects import make_object
from affordance_grasp.simulation.parts import functional_parts
from affordance_grasp.simulation.pictures import exocentric


def test_most_pictures_of_people_show_the_part_that_is_taken():
    shown = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        for picture in exocentric(make_object("knife", seed), "hold", 2, 96, rng):
            assert picture.color.shape[:2] == picture.whole.shape
            parts = functional_parts("hold", "knife")
            shown.append(sum(picture.parts[p].mean() for p in parts if p in picture.parts))
    assert np.median(shown) > 0.01
