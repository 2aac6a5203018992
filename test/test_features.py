import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from tiny_encoders import TINY_NETWORK, TinyEncoder

from affordance_grasp.datasets.agd20k import load_split, read_color
from affordance_grasp.datasets.features import Encoding, cache_features, cache_test_features
from affordance_grasp.datasets.images import reader_of
from affordance_grasp.datasets.views import ViewPlan
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.method import make_network

PLAN = ViewPlan(crops=2, stitched=1)
ROWS = 6 * 3 + 12  # views of the egocentric images, one view of the exocentric ones


@pytest.fixture
def split(tmp_path):
    write_tree(tmp_path)
    return load_split(tmp_path, "Seen")


def reader(encoder):
    return reader_of(make_network("plsp", TINY_NETWORK, encoder))


def test_every_content_is_encoded_once_and_found_under_every_affordance(split, tmp_path):
    encoder = TinyEncoder()
    features = cache_features(split, reader(encoder), PLAN, tmp_path / "cache")
    assert features.ego.tokens.shape == (6, 3, 257, 384)
    assert features.ego.tokens.dtype == np.float16
    assert encoder.calls == ROWS
    rows = [features.ego.row_of[p.path] for p in split.train_ego if p.path.name.startswith("mug")]
    assert sorted(rows) == sorted(list(set(rows)) * 2)


def test_what_is_read_are_the_tokens_of_the_view(split, tmp_path):
    encoder = TinyEncoder()
    store = cache_features(split, reader(encoder), PLAN, tmp_path / "cache").ego
    image = split.train_ego[4]
    view = store.views_of(image.path, np.random.default_rng(0))[1]
    normalised = encoder.spec.normalise(
        torch.from_numpy(view.image(read_color(image.path))).permute(2, 0, 1)
    )
    expected = encoder.tokens(normalised[None])[0]
    np.testing.assert_allclose(store.read(image.path, view), expected.numpy(), atol=2e-2)


def test_cache_is_kept_and_depends_on_weights_images_and_views(split, tmp_path):
    cache = tmp_path / "cache"
    first = cache_features(split, reader(TinyEncoder()), PLAN, cache)
    again = TinyEncoder()
    second = cache_features(split, reader(again), PLAN, cache)
    assert again.calls == 0
    np.testing.assert_array_equal(first.ego.tokens, second.ego.tokens)
    other_views = TinyEncoder()
    cache_features(split, reader(other_views), ViewPlan(crops=2, stitched=1, seed=1), cache)
    assert other_views.calls == 6 * 3
    other_weights = TinyEncoder("other")
    cache_features(split, reader(other_weights), PLAN, cache)
    assert other_weights.calls == ROWS


def test_test_images_have_one_view_each(split, tmp_path):
    encoder = TinyEncoder()
    store = cache_test_features(split, reader(encoder), PLAN.plain, tmp_path / "cache")
    assert store.tokens.shape == (4, 1, 257, 384)
    assert encoder.calls == 4


def test_stopped_run_goes_on_where_it_was(split, tmp_path):
    class Killed(TinyEncoder):
        def tokens(self, images):
            if self.calls >= 8:
                raise KeyboardInterrupt
            return super().tokens(images)

    four = Encoding(batch=4)
    with pytest.raises(KeyboardInterrupt):
        cache_features(split, reader(Killed()), PLAN, tmp_path / "cache", encoding=four)
    rest = TinyEncoder()
    resumed = cache_features(split, reader(rest), PLAN, tmp_path / "cache", encoding=four)
    assert rest.calls == ROWS - 8
    whole = cache_features(split, reader(TinyEncoder()), PLAN, tmp_path / "fresh")
    np.testing.assert_array_equal(resumed.ego.tokens, whole.ego.tokens)


def test_corrupt_image_stops_with_its_path(split, tmp_path):
    bad = split.train_exo[3].path
    bad.write_bytes(b"\xff\xd8 broken")
    with pytest.raises(InvalidInput, match=bad.name):
        cache_features(split, reader(TinyEncoder()), PLAN, tmp_path / "cache")


def test_rows_of_weights_without_a_digest_are_not_kept(split, tmp_path):
    with pytest.raises(InvalidInput, match="without a digest"):
        cache_test_features(split, reader(TinyEncoder("")), PLAN.plain, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("left", [0, 50, 200])
@pytest.mark.parametrize("ending", [".done.npy", ".npy"])
def test_a_truncated_cache_is_named(split, tmp_path, left, ending):
    cache = tmp_path / "cache"
    cache_test_features(split, reader(TinyEncoder()), PLAN.plain, cache)
    (done,) = cache.glob("*.done.npy")
    path = done.with_name(done.name.removesuffix(".done.npy") + ending)
    content = path.read_bytes()
    path.write_bytes(content[: min(left, len(content) - 1)])
    with pytest.raises(InvalidInput, match=f"{path.name} is corrupt; remove it"):
        cache_test_features(split, reader(TinyEncoder()), PLAN.plain, cache)
