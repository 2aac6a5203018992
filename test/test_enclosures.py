import numpy as np
import pytest
from containment import on_surface, outside_m
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.enclosures import circle, cut, enclose, smallest
from affordance_grasp.control.arm.urdf import LinkShape

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
SIDES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
SIDES += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]


def enclosing(triangles, *pieces):
    """The shapes around triangles (N, 3, 3) as those of a link."""
    found = enclose(triangles, *pieces)
    return [LinkShape(each.kind, 0, each.T_mesh_shape, each.half_size) for each in found]


def block(low, high):
    """Triangles (12, 3, 3) of an upright box between two corners."""
    return (np.array(low) + CUBE * np.subtract(high, low))[SIDES]


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    squeezed=st.sampled_from([1.0, 0.1, 1e-4, 0.0]),
    pieces=st.integers(1, 4),
)
def test_random_meshes_lie_inside(seed, count, squeezed, pieces):
    rng = np.random.default_rng(seed)
    triangles = rng.normal(size=(count, 1, 3)) * [1, squeezed, 0.3] * 0.2
    triangles = triangles + rng.normal(size=(count, 3, 3)) * [0.05, 0.05 * squeezed, 0.02]
    triangles = triangles @ Rotation.random(rng=rng).as_matrix()
    shapes = enclosing(triangles, pieces)
    assert 1 <= len(shapes) <= pieces
    assert outside_m(shapes, on_surface(triangles, 500, seed)).max() < 1e-9


def test_what_a_bent_link_encloses_lies_inside_its_shapes():
    """An elbow of two blocks: points in its solid, not only on its surface."""
    elbow = np.concatenate(
        [block([0, 0, 0], [0.1, 0.1, 0.6]), block([0.1, 0, 0], [0.6, 0.1, 0.1])]
    )
    rng = np.random.default_rng(0)
    solid = np.concatenate(
        [
            rng.uniform([0, 0, 0], [0.1, 0.1, 0.6], (900, 3)),
            rng.uniform([0.1, 0, 0], [0.6, 0.1, 0.1], (900, 3)),
        ]
    )
    assert outside_m(enclosing(elbow), solid).max() < 1e-9
    hull_m3 = 0.1 * (0.6 * 0.6 - 0.5 * 0.5 / 2)
    assert sum(shape.cost for shape in enclose(elbow)) < 0.8 * hull_m3


def test_a_tube_becomes_one_cylinder_and_a_plate_one_box():
    angle = np.linspace(0, 2 * np.pi, 65)
    rim = np.stack([0.05 * np.cos(angle), 0.05 * np.sin(angle)], axis=1)
    low, high = (np.column_stack([rim, np.full(65, z)]) for z in (0.0, 0.4))
    tube = np.concatenate(
        [np.stack([low[:-1], low[1:], high[1:]], 1), np.stack([low[:-1], high[1:], high[:-1]], 1)]
    )
    (cylinder,) = enclose(tube)
    assert cylinder.kind == "cylinder"
    np.testing.assert_allclose(cylinder.half_size, [0.05, 0.05, 0.2], rtol=0.01)
    np.testing.assert_allclose(cylinder.T_mesh_shape[:3, 3], [0, 0, 0.2], atol=5e-4)
    (box,) = enclose(block([0, 0, 0], [0.3, 0.2, 0.01]))
    assert box.kind == "box"
    np.testing.assert_allclose(np.sort(box.half_size), [0.005, 0.1, 0.15], atol=1e-9)


def test_a_cut_leaves_the_area_as_it_was():
    triangles = np.random.default_rng(3).normal(size=(200, 3, 3))
    below, above = cut(triangles, 2, 0.1)
    assert below[..., 2].max() <= 0.1 <= above[..., 2].min()

    def area(t):
        return np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum()

    assert area(below) + area(above) == pytest.approx(area(triangles), rel=1e-12)


def test_the_circle_around_a_triangle_is_hardly_larger_than_the_smallest():
    corners = np.array([[0.0, 1.0], [np.sqrt(0.75), -0.5], [-np.sqrt(0.75), -0.5]])
    center, radius = circle(corners)
    assert radius == pytest.approx(1.0, rel=0.01)
    assert np.linalg.norm(corners - center, axis=1).max() <= radius


def test_a_flat_mesh_gets_a_shape_with_a_thickness():
    assert smallest(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])).half_size.min() > 0
