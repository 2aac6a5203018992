from pathlib import Path

import numpy as np
import pytest
import torch

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.recipe import Draws, TrainingData
from affordance_grasp.methods.selectivecl.recipe import selectivecl_samples
from affordance_grasp.methods.shared.class_maps import TripletBatch
from affordance_grasp.methods.shared.samples import (
    Triplets,
    TripletSamples,
    TripletSampling,
    triplets,
)


def pictures(kind, affordance, name, count):
    return tuple(ImageFile(affordance, name, Path(f"{kind}/{i}.jpg")) for i in range(count))


HOLD = pictures("hold_mug", "hold", "mug", 6)
POUR = pictures("pour_mug", "pour", "mug", 2)
EGO = pictures("ego", "hold", "mug", 3)
POUR_EGO = pictures("pour_ego", "pour", "mug", 1)
TRIPLETS = Triplets(
    HOLD + POUR,
    {("hold", "mug"): HOLD, ("pour", "mug"): POUR},
    {("hold", "mug"): EGO, ("pour", "mug"): POUR_EGO},
    exo_images=3,
)
SPLIT = Split(
    name="Seen",
    folder=Path("data"),
    train_ego=EGO + POUR_EGO,
    train_exo=HOLD + POUR,
    test=(),
)


class Numbered:
    """A image's rows hold the number in its name, plus a hundred times that of the view."""

    def views_of(self, path, rng):
        return (1, 2)

    def read(self, path, view):
        return np.full((2, 4), 100 * view + int(path.stem), np.float32)


def test_a_sample_has_the_anchor_and_distinct_others_of_its_own_folder():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(50):
        ego, exo = TRIPLETS.draw(2, rng)
        assert ego in EGO
        assert exo[0] == HOLD[2]
        assert len(set(exo)) == 3 and set(exo) <= set(HOLD)
        seen |= {picture.path.name for picture in exo}
    assert len(seen) == len(HOLD)


def test_small_folders_are_drawn_from_with_repeats():
    rng = np.random.default_rng(0)
    drawn = [TRIPLETS.draw(6, rng)[1] for _ in range(30)]
    assert all(exo[0] == POUR[0] and set(exo) <= set(POUR) for exo in drawn)
    assert {len(set(exo)) for exo in drawn} == {1, 2}


def test_egocentric_images_can_be_chosen_by_name_where_a_pair_has_such():
    chosen = triplets(SPLIT, TripletSampling(ego_names="[12].*"))
    assert chosen.ego == {("hold", "mug"): EGO[1:], ("pour", "mug"): POUR_EGO}
    assert triplets(SPLIT, TripletSampling()) == TRIPLETS


def test_batch_holds_one_view_of_every_image_and_the_class_of_the_anchor():
    samples = TripletSamples(
        TRIPLETS, Numbered(), Numbered(), ("cut", "hold", "pour"), TripletBatch
    )
    assert len(samples) == 8
    batch = samples.batch([2, 6], Draws(0, 0))
    assert batch.ego.shape == (2, 2, 4) and batch.exo.shape == (2, 3, 2, 4)
    assert batch.label.tolist() == [1, 2]
    assert batch.exo[0, 0, 0, 0] % 100 == 2
    views = {int(samples.batch([2], Draws(i, 0)).exo[0, 0, 0, 0]) // 100 for i in range(20)}
    assert views == {1, 2}


def test_randomness_comes_from_the_generator_alone():
    samples = TripletSamples(TRIPLETS, Numbered(), Numbered(), ("hold", "pour"), TripletBatch)
    first, again, other = (samples.batch(range(8), Draws(i, 0)) for i in (3, 3, 4))
    assert torch.equal(first.exo, again.exo) and torch.equal(first.ego, again.ego)
    assert not torch.equal(first.exo, other.exo)


def test_selectivecl_gets_the_text_rows_of_the_affordances():
    text = torch.arange(6.0).view(2, 3)
    data = TrainingData(SPLIT, None, Numbered(), Numbered(), None)
    samples = selectivecl_samples(data, TripletSampling(), text)
    batch = samples.batch([0, 7], Draws(0, 0))
    assert torch.equal(batch.text, text)


def test_samples_need_an_exocentric_image():
    with pytest.raises(InvalidInput, match="exo_images is 0; it must be a whole number >= 1"):
        TripletSampling(0)
