import mujoco
import numpy as np
import pytest

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import MissingPackage
from affordance_grasp.geometry import invert, pose, project, transform_points
from affordance_grasp.simulation.models.room import empty_world
from affordance_grasp.simulation.rendering import renderer
from affordance_grasp.simulation.rendering.scene_camera import (
    SceneCamera,
    add_camera,
    geom_part,
    look_at,
    part_mask,
)

OFF_CENTRE = CameraIntrinsics(fx=310.0, fy=290.0, cx=170.0, cy=101.0, width=320, height=240)
MARKERS = np.array([[0.5, 0.0, 0.02], [0.55, 0.1, 0.03], [0.4, -0.08, 0.06]])
RADIUS_M = 0.012


@pytest.fixture(scope="module")
def scene():
    spec = empty_world()
    spec.worldbody.add_light(pos=[0, 0, 2], dir=[0, 0, -1])
    for i, marker in enumerate(MARKERS):
        spec.worldbody.add_geom(
            name=f"object/{'near' if i else 'far'}/{i}",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[RADIUS_M, 0, 0],
            pos=marker,
            rgba=[1, 0, 0, 1],
        )
    T_base_cam = look_at((0.3, -0.2, 0.5), (0.5, 0.0, 0.0))
    add_camera(spec.worldbody, "eye", OFF_CENTRE, T_base_cam)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = SceneCamera(model, "eye", OFF_CENTRE)
    yield model, data, camera, T_base_cam
    camera.close()


def test_pixels_agree_with_the_intrinsics(scene):
    model, data, camera, T_base_cam = scene
    ids = camera.geom_ids(data)
    uv = project(transform_points(invert(T_base_cam), MARKERS), OFF_CENTRE.K)
    for i, expected in enumerate(uv):
        v, u = np.nonzero(ids == model.geom(f"object/{'near' if i else 'far'}/{i}").id)
        assert np.abs(np.array([u.mean(), v.mean()]) - expected).max() < 0.35


def test_depth_is_metric_along_the_optical_axis(scene):
    _, data, camera, T_base_cam = scene
    depth = camera.depth_m(data)
    centres = transform_points(invert(T_base_cam), MARKERS)
    for centre, (u, v) in zip(centres, project(centres, OFF_CENTRE.K), strict=True):
        ray = centre / np.linalg.norm(centre)
        front = centre - RADIUS_M * ray
        assert depth[round(v), round(u)] == pytest.approx(front[2], abs=3e-4)


def test_empty_space_has_no_depth_and_no_geom(scene):
    _, data, camera, _ = scene
    depth, ids = camera.depth_m(data), camera.geom_ids(data)
    assert ((depth == 0) == (ids == -1)).mean() > 0.995
    assert (ids == -1).mean() > 0.5


def test_color_shows_the_markers_where_the_geoms_are(scene):
    _, data, camera, _ = scene
    color, ids = camera.color(data), camera.geom_ids(data)
    red = (color[..., 0] > 100) & (color[..., 1] < 60)
    assert color.shape == (240, 320, 3)
    assert (red & (ids >= 0)).sum() > 0.9 * red.sum() > 0


def test_part_masks_split_the_object(scene):
    model, data, camera, _ = scene
    ids = camera.geom_ids(data)
    everything = part_mask(model, ids)
    near, far = part_mask(model, ids, ["near"]), part_mask(model, ids, ["far"])
    assert (everything == (ids >= 0)).all()
    assert (near ^ far == everything).all()
    assert near.any()
    assert far.any()
    assert not part_mask(model, ids, object_name="other").any()


def test_parts_are_read_from_geom_names():
    assert geom_part("object/handle/3") == "handle"
    assert geom_part("cup/handle/3", "cup") == "handle"
    assert geom_part("pad/left") is None
    assert geom_part("cup/handle/3") is None


def test_look_at_points_the_axis_and_keeps_the_image_upright():
    T = look_at((1.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    assert T[:3, 2] == pytest.approx(np.array([-1, 0, -1]) / np.sqrt(2))
    assert T[2, 1] < 0  # image down is downwards in the world
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)
    straight_down = look_at((0.5, 0.0, 1.0), (0.5, 0.0, 0.0))
    assert straight_down[:3, :3] == pytest.approx(
        pose([[0, -1, 0], [-1, 0, 0], [0, 0, -1]])[:3, :3]
    )


def test_a_machine_that_cannot_render_names_the_packages(monkeypatch, scene):
    monkeypatch.setattr(renderer, "egl_works", lambda: False)
    monkeypatch.setattr(renderer, "osmesa_works", lambda: False)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert renderer.choose_backend() is None
    with pytest.raises(MissingPackage, match=r"libegl1.*libosmesa6"):
        renderer.open_renderer(scene[0], 64, 48)


def test_egl_is_preferred_and_osmesa_is_the_fallback(monkeypatch):
    monkeypatch.setattr(renderer, "egl_works", lambda: False)
    monkeypatch.setattr(renderer, "osmesa_works", lambda: True)
    monkeypatch.setenv("MUJOCO_GL", "")
    assert renderer.choose_backend() == "osmesa"
    monkeypatch.setattr(renderer, "egl_works", lambda: True)
    monkeypatch.setenv("MUJOCO_GL", "")
    assert renderer.choose_backend() == "egl"
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    assert renderer.choose_backend() == "glfw"
