import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from tiny_encoders import TinyEncoder

from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.agd20k import load_split, read_color
from affordance_grasp.learning.features import Encoding, cache_features
from affordance_grasp.learning.views import ViewPlan

PLAN = ViewPlan(crops=2, stitched=1)


@pytest.fixture
def split(tmp_path):
    write_tree(tmp_path)
    return load_split(tmp_path, "Seen")


def test_every_content_is_encoded_once_and_found_under_every_affordance(split, tmp_path):
    encoder = TinyEncoder()
    features = cache_features(split, encoder, PLAN, tmp_path / "cache")
    assert features.ego.tokens.shape == (6, 3, 257, 384)
    assert features.ego.tokens.dtype == np.float16
    assert encoder.calls == 6 * 3 + 12 + 4
    rows = [features.ego.row_of[p.path] for p in split.train_ego if p.path.name.startswith("mug")]
    assert sorted(rows) == sorted(list(set(rows)) * 2)


def test_tokens_are_those_of_the_view(split, tmp_path):
    encoder = TinyEncoder()
    store = cache_features(split, encoder, PLAN, tmp_path / "cache").ego
    picture = split.train_ego[4]
    row = store.row_of[picture.path]
    image = store.views[row][1].image(read_color(picture.path))
    normalised = (image - np.array(encoder.spec.mean)) / np.array(encoder.spec.std)
    expected = encoder.tokens(torch.tensor(normalised.transpose(2, 0, 1)[None]).float())[0]
    np.testing.assert_allclose(store.tokens[row, 1], expected.numpy(), atol=2e-2)


def test_cache_is_kept_and_depends_on_weights_pictures_and_views(split, tmp_path):
    cache = tmp_path / "cache"
    first = cache_features(split, TinyEncoder(), PLAN, cache)
    again = TinyEncoder()
    second = cache_features(split, again, PLAN, cache)
    assert again.calls == 0
    np.testing.assert_array_equal(first.ego.tokens, second.ego.tokens)
    other_views = TinyEncoder()
    cache_features(split, other_views, ViewPlan(crops=2, stitched=1, seed=1), cache)
    assert other_views.calls == 6 * 3
    other_weights = TinyEncoder()
    other_weights.sha256 = "other"
    cache_features(split, other_weights, PLAN, cache)
    assert other_weights.calls == 6 * 3 + 12 + 4


def test_stopped_run_goes_on_where_it_was(split, tmp_path):
    class Killed(TinyEncoder):
        def tokens(self, images):
            if self.calls >= 8:
                raise KeyboardInterrupt
            return super().tokens(images)

    with pytest.raises(KeyboardInterrupt):
        cache_features(split, Killed(), PLAN, tmp_path / "cache", encoding=Encoding(batch=4))
    rest = TinyEncoder()
    resumed = cache_features(split, rest, PLAN, tmp_path / "cache", encoding=Encoding(batch=4))
    assert rest.calls == 18 - 8 + 12 + 4
    whole = cache_features(split, TinyEncoder(), PLAN, tmp_path / "fresh")
    np.testing.assert_array_equal(resumed.ego.tokens, whole.ego.tokens)


def test_corrupt_picture_stops_with_its_path(split, tmp_path):
    bad = split.train_exo[3].path
    bad.write_bytes(b"\xff\xd8 broken")
    with pytest.raises(InvalidInput, match=bad.name):
        cache_features(split, TinyEncoder(), PLAN, tmp_path / "cache")
