import numpy as np
import pytest

from affordance_grasp.datatypes import Heatmap, Region
from affordance_grasp.grounding.object_heat import UNREAD, on_object

REGION = Region(40, 40, 264, 264)
ROWS, COLUMNS = np.indices((300, 300))


def blob(u, v, deviation_px=25.0):
    heat = np.exp(-((COLUMNS - u) ** 2 + (ROWS - v) ** 2) / 2 / deviation_px**2)
    values = np.zeros((300, 300), np.float32)
    values[REGION.slices] = (heat / heat.max())[REGION.slices]
    return Heatmap(values, values[::16, ::16], "hold", "hold", "test", 0.5)


def picture(*painted):
    color = np.full((300, 300, 3), 120, np.uint8)
    for mask, rgb in painted:
        color[mask] = rgb
    return color


BODY = (abs(COLUMNS - 120) < 40) & (abs(ROWS - 150) < 60)
AWAY = np.hypot(COLUMNS - 160, ROWS - 150)
HANDLE = (AWAY < 40) & (AWAY > 28) & (COLUMNS >= 160)
HOLE = (AWAY <= 28) & (COLUMNS >= 160)
MUG = BODY | HANDLE


def limited(heatmap, shown, color, read=None):
    return on_object(heatmap, color, shown, shown if read is None else read, REGION)


def test_the_hole_of_a_handle_is_cold_and_the_handle_hot():
    heat = limited(blob(175, 150), MUG, picture((MUG, (190, 30, 30)))).values
    assert (heat[~MUG] == 0).all()
    assert heat.max() == 1
    assert heat[HANDLE].mean() > 0.6


def test_heat_beside_a_narrow_thing_is_given_to_it():
    strip = (abs(COLUMNS - 150) < 5) & (abs(ROWS - 150) < 80)
    heat = limited(blob(162, 110, 15), strip, picture((strip, (190, 30, 30)))).values
    v, u = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(u - 150) < 5
    assert abs(v - 110) < 20


def test_heat_ends_where_the_colour_of_the_object_does():
    blade = (abs(ROWS - 150) < 12) & (COLUMNS >= 80) & (COLUMNS < 150)
    grip = (abs(ROWS - 150) < 12) & (COLUMNS >= 150) & (COLUMNS < 220)
    color = picture((blade, (230, 230, 230)), (grip, (20, 20, 20)))
    heat = limited(blob(185, 150, 30), blade | grip, color).values
    assert heat[150, 144] < 0.5 * heat[150, 156]


def test_the_peak_is_where_the_depth_camera_has_a_reading():
    read = MUG & (COLUMNS < 150)
    heat = limited(blob(185, 150), MUG, picture((MUG, (190, 30, 30))), read).values
    assert heat[read].max() == 1
    assert heat[MUG & ~read].max() == pytest.approx(UNREAD)
    assert heat[HANDLE].mean() > 0.5


def test_heat_that_is_elsewhere_takes_the_confidence():
    color = picture((BODY, (190, 30, 30)))
    near, far = (limited(blob(u, 150, 10), BODY, color).confidence for u in (120, 230))
    assert near == pytest.approx(0.5, abs=0.01)
    assert far < 0.02


def test_no_heat_stays_none():
    empty = np.zeros((300, 300), np.float32)
    none = Heatmap(empty, empty[::16, ::16], "hold", "hold", "test", 0.0)
    result = limited(none, BODY, picture())
    assert not result.values.any()
    assert result.confidence == 0


def test_a_map_as_fine_as_the_image_is_limited_alone():
    values = HANDLE.astype(np.float32)
    exact = Heatmap(values, values, "hold", "hold", "exact", 1.0)
    assert (limited(exact, MUG & (ROWS > 150), picture()).values == HANDLE & (ROWS > 150)).all()
    assert limited(exact, MUG, picture()).confidence == pytest.approx(1)
