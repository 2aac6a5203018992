"""Grounding by examples: the handle of other mugs shows where this mug's handle is."""

import json

import cv2
import numpy as np
import pytest

from affordance_grasp.cli import main
from affordance_grasp.datatypes import Region
from affordance_grasp.errors import InvalidInput, NoMatch
from affordance_grasp.grounding.correspondence import load_example_grounder
from affordance_grasp.simulation.dataset.masked_images import egocentric
from affordance_grasp.simulation.objects import TEST_SEED_START, make_object


def mug(number):
    """A mug on a table with its handle in sight."""
    rng = np.random.default_rng(number)
    return next(egocentric(make_object("mug", TEST_SEED_START + number), 1, 320, rng, ("handle",)))


@pytest.fixture(scope="module")
def handles(tmp_path_factory):
    """Two mugs whose handle is marked."""
    folder = tmp_path_factory.mktemp("examples") / "mug_handle"
    folder.mkdir()
    for seed in (1, 2):
        image = mug(seed)
        cv2.imwrite(str(folder / f"{seed}.png"), image.color[..., ::-1])
        cv2.imwrite(str(folder / f"{seed}_part.png"), image.parts["handle"].astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def grounder(handles):
    return load_example_grounder(handles)


@pytest.fixture(scope="module")
def picture():
    """Another mug."""
    return mug(403)


def test_the_handle_is_found_by_the_handles_of_others(grounder, picture):
    heatmap = grounder.ground(picture.color, "whatever I call it")
    handle = picture.parts["handle"]
    u, v = heatmap.peak_uv
    near = cv2.dilate(handle.astype(np.uint8), np.ones((15, 15))) > 0
    assert near[v, u], "within half a patch"
    rest = picture.whole & ~handle
    assert heatmap.values[handle].mean() > 2 * heatmap.values[rest].mean()
    assert heatmap.values.max() == 1 and heatmap.raw.shape == (16, 16)
    assert (heatmap.query, heatmap.affordance) == ("whatever I call it", "mug_handle")
    assert heatmap.method == "examples" and 0.3 < heatmap.confidence < 1


def test_only_the_region_is_looked_at(grounder, picture):
    region = Region(40, 20, 300, 280)
    heatmap = grounder.ground(picture.color, "it", region)
    alone = grounder.ground(np.ascontiguousarray(picture.color[region.slices]), "it")
    np.testing.assert_array_equal(heatmap.values[region.slices], alone.values)
    assert heatmap.values.sum() == pytest.approx(alone.values.sum())


def test_where_nothing_is_like_the_part_it_is_said(grounder):
    with pytest.raises(NoMatch, match="nothing in the image is like .*mug_handle: similarity 0"):
        grounder.ground(np.full((200, 200, 3), 120, np.uint8), "it")


def test_the_command(handles, picture, tmp_path, capsys):
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), picture.color[..., ::-1])
    words = ["ground", str(image), "--query", "by the handle", "--json"]
    assert main([*words, "--like", str(handles)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["method"], report["affordance"]) == ("examples", "mug_handle")
    assert report["checkpoint"] == str(handles)
    assert main([*words, "--like", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_examples_on_a_device_that_is_not_there(handles):
    with pytest.raises(InvalidInput, match="cuda"):
        load_example_grounder(handles, "cuda:7")
