from dataclasses import replace

import numpy as np
import pytest
from tabletop import INTRINSICS

from affordance_grasp.datatypes import Region, RgbdFrame
from affordance_grasp.scene.silhouettes import complete_labels

WHOLE = Region(0, 0, 640, 480)
GREY, RED = (120, 120, 120), (190, 30, 30)


@pytest.fixture
def scene():
    """A red plate, 10 cm above a grey table, and its label at every pixel."""
    rows, columns = np.indices((480, 640))
    labels = ((abs(rows - 240) < 60) & (abs(columns - 320) < 60)).astype(np.int32)
    color = np.where(labels[..., None] > 0, np.uint8(RED), np.uint8(GREY))
    depth = np.where(labels > 0, 0.5, 0.6).astype(np.float32)
    return RgbdFrame(color, depth, INTRINSICS), labels


def unread(scene, rows, columns):
    """The same scene where the depth camera has no reading in a rectangle."""
    frame, labels = scene
    depth, known = frame.depth_m.copy(), labels.copy()
    depth[rows, columns] = 0
    known[rows, columns] = 0
    return replace(frame, depth_m=depth), known


def test_what_has_readings_everywhere_stays_as_it_is(scene):
    assert (complete_labels(*scene, WHOLE) == scene[1]).all()


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(230, 250), slice(310, 330)), (slice(185, 197), slice(290, 350))],
    ids=["enclosed", "at the edge"],
)
def test_without_a_reading_what_has_the_colour_of_the_object_is_the_object(scene, rows, columns):
    frame, known = unread(scene, rows, columns)
    assert (complete_labels(frame, known, WHOLE) == scene[1])[rows, columns].mean() > 0.95


def test_without_a_reading_what_has_the_colour_of_the_table_is_not_the_object(scene):
    frame, known = unread(scene, slice(200, 280), slice(380, 400))  # the shadow beside it
    assert not complete_labels(frame, known, WHOLE)[:, 383:].any()


def test_a_smeared_edge_belongs_to_the_object_by_its_colour(scene):
    frame, labels = scene
    depth, known = frame.depth_m.copy(), labels.copy()
    depth[181:183, 261:380], known[181:183, 261:380] = 0.6, 0
    found = complete_labels(replace(frame, depth_m=depth), known, WHOLE)
    assert (found == 1)[181:183, 265:375].mean() > 0.95


def test_what_reads_as_table_far_from_the_edge_is_table_in_any_colour(scene):
    frame, labels = scene
    known, depth = labels.copy(), frame.depth_m.copy()
    known[230:250, 310:330], depth[230:250, 310:330] = 0, 0.6
    found = complete_labels(replace(frame, depth_m=depth), known, WHOLE)
    assert not found[235:245, 315:325].any()


def test_a_pixel_goes_to_the_nearest_of_two_objects(scene):
    frame, labels = scene
    both = np.where(np.arange(640) > 320, 2, 1) * labels
    bare, known = unread((frame, both.astype(np.int32)), slice(230, 250), slice(300, 340))
    found = complete_labels(bare, known, WHOLE)[235:245]
    assert (found[:, 302:305] == 1).all()
    assert (found[:, 335:338] == 2).all()


def test_nothing_is_told_outside_the_region(scene):
    found = complete_labels(*scene, Region(300, 200, 340, 280))
    assert found[200:280, 300:340].all()
    assert found.sum() == 80 * 40


def test_a_region_without_an_object_stays_empty(scene):
    assert not complete_labels(*scene, Region(0, 0, 100, 100)).any()
