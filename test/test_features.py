import errno
import os

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from tiny_encoders import TINY_NETWORK, TinyEncoder

from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.features import FeatureCache
from affordance_grasp.datasets.images import (
    frozen_encoder,
    views_for_test,
    views_for_training,
)
from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.errors import InvalidInput, StorageFull
from affordance_grasp.image_files import read_color
from affordance_grasp.methods.method import make_network

PLAN = StitchPlan(crops=2, stitched=1)
ROWS = 6 * 3 + 12  # views of the egocentric images, one view of the exocentric ones


@pytest.fixture
def split(tmp_path):
    write_tree(tmp_path)
    return load_split(tmp_path, "Seen")


def open_cache(folder, encoder, batch=16):
    frozen = frozen_encoder(make_network("plsp", TINY_NETWORK, encoder))
    return FeatureCache(folder, frozen, batch=batch)


def train_features(split, encoder, folder, plan=PLAN, batch=16):
    cache = open_cache(folder, encoder, batch)
    return [cache.features(viewed) for viewed in views_for_training(split, plan)]


def features_of_test(split, encoder, folder):
    return open_cache(folder, encoder).features(views_for_test(split, PLAN.plain))


def test_every_content_is_encoded_once_and_found_under_every_affordance(split, tmp_path):
    encoder = TinyEncoder()
    ego, _ = train_features(split, encoder, tmp_path / "cache")
    assert ego.values.shape == (6, 3, 257, 384)
    assert ego.values.dtype == np.float16
    assert encoder.calls == ROWS
    rows = [ego.row_of[p.path] for p in split.train_ego if p.path.name.startswith("mug")]
    assert sorted(rows) == sorted(list(set(rows)) * 2)


def test_what_is_read_are_the_tokens_of_the_view(split, tmp_path):
    encoder = TinyEncoder()
    cached, _ = train_features(split, encoder, tmp_path / "cache")
    image = split.train_ego[4]
    view = cached.views_of(image.path, np.random.default_rng(0))[1]
    normalised = encoder.spec.normalise(
        torch.from_numpy(view.image(read_color(image.path))).permute(2, 0, 1)
    )
    expected = encoder.tokens(normalised[None])[0]
    np.testing.assert_allclose(cached.read(image.path, view), expected.numpy(), atol=2e-2)


def test_cache_is_kept_and_depends_on_weights_images_and_views(split, tmp_path):
    cache = tmp_path / "cache"
    first = train_features(split, TinyEncoder(), cache)
    again = TinyEncoder()
    second = train_features(split, again, cache)
    assert again.calls == 0
    np.testing.assert_array_equal(first[0].values, second[0].values)
    other_views = TinyEncoder()
    train_features(split, other_views, cache, StitchPlan(crops=2, stitched=1, seed=1))
    assert other_views.calls == 6 * 3
    other_weights = TinyEncoder("other")
    train_features(split, other_weights, cache)
    assert other_weights.calls == ROWS


def test_test_images_have_one_view_each(split, tmp_path):
    encoder = TinyEncoder()
    cached = features_of_test(split, encoder, tmp_path / "cache")
    assert cached.values.shape == (4, 1, 257, 384)
    assert encoder.calls == 4


def test_stopped_run_goes_on_where_it_was(split, tmp_path):
    class Killed(TinyEncoder):
        def tokens(self, images):
            if self.calls >= 8:
                raise KeyboardInterrupt
            return super().tokens(images)

    with pytest.raises(KeyboardInterrupt):
        train_features(split, Killed(), tmp_path / "cache", batch=4)
    rest = TinyEncoder()
    resumed = train_features(split, rest, tmp_path / "cache", batch=4)
    assert rest.calls == ROWS - 8
    whole = train_features(split, TinyEncoder(), tmp_path / "fresh")
    np.testing.assert_array_equal(resumed[0].values, whole[0].values)


def test_corrupt_image_stops_with_its_path(split, tmp_path):
    bad = split.train_exo[3].path
    bad.write_bytes(b"\xff\xd8 broken")
    with pytest.raises(InvalidInput, match=bad.name):
        train_features(split, TinyEncoder(), tmp_path / "cache")


def test_features_of_weights_without_a_digest_are_not_cached(split, tmp_path):
    with pytest.raises(InvalidInput, match="without a digest"):
        features_of_test(split, TinyEncoder(""), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_disk_without_room_is_told_before_anything_is_computed(split, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    encoder = TinyEncoder()
    with pytest.raises(StorageFull, match=r"cache.*npy cannot be written .No space left"):
        features_of_test(split, encoder, tmp_path / "cache")
    assert encoder.calls == 0
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("left", [0, 50, 200])
@pytest.mark.parametrize("ending", [".done.npy", ".npy"])
def test_a_truncated_cache_is_named(split, tmp_path, left, ending):
    cache = tmp_path / "cache"
    features_of_test(split, TinyEncoder(), cache)
    (done,) = cache.glob("*.done.npy")
    path = done.with_name(done.name.removesuffix(".done.npy") + ending)
    content = path.read_bytes()
    path.write_bytes(content[: min(left, len(content) - 1)])
    with pytest.raises(InvalidInput, match=f"{path.name} is corrupt; remove it"):
        features_of_test(split, TinyEncoder(), cache)
