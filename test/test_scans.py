"""A scan becomes an object: upright, of the right size, its handle open, its parts where they are.

All is made of a small mug of this test; no scan of others is read.
"""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
import textured_mug as mug

from affordance_grasp.cli import main
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.experiment.trials import Trial
from affordance_grasp.geometry import pose
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.dataset.functional_parts import functional_parts, serving_parts
from affordance_grasp.simulation.dataset.jobs import Kind, plan, render_job
from affordance_grasp.simulation.objects import make_object
from affordance_grasp.simulation.objects.imported import absolute, label, load_imported
from affordance_grasp.simulation.objects.mjcf import add_object
from affordance_grasp.simulation.rendering.scene_camera import (
    SceneCamera,
    add_camera,
    look_at,
    part_mask,
)
from affordance_grasp.simulation.scans.layouts import find_scans
from affordance_grasp.simulation.scans.libero import read_libero
from affordance_grasp.simulation.scans.regions import (
    Region,
    ScanNotes,
    parts_of_points,
    read_notes,
)

WANTS_TRIMESH = "needs trimesh, which the extra 'scans' brings"


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """A folder with the imported mug."""
    pytest.importorskip("trimesh", reason=WANTS_TRIMESH)
    folder = tmp_path_factory.mktemp("scans")
    mug.write_obj(folder / "raw")
    notes = mug.write_notes(folder / "parts.yaml")
    out = folder / "own"
    assert (
        main(["objects", "import", str(folder / "raw"), "--out", str(out), "--parts", str(notes)])
        == 0
    )
    return out


@pytest.fixture(scope="module")
def thing(scans):
    return make_object(f"{scans}:mug", 0)


def test_it_is_upright_and_of_the_right_size(thing):
    low, high = thing.bounds_m()
    length = 2 * mug.RADIUS_M + mug.REACH_M + mug.BAR_M - mug.WALL_M / 2
    assert high - low == pytest.approx([length, 2 * mug.RADIUS_M, mug.HEIGHT_M], abs=0.001)
    assert low[2] == pytest.approx(0, abs=1e-4)
    assert low[:2] == pytest.approx(-high[:2], abs=0.001)
    assert thing.parts == ("body", "handle", "rim")


def test_it_weighs_what_its_volume_and_density_say(thing):
    inner = np.pi * (mug.RADIUS_M - mug.WALL_M) ** 2 * (mug.HEIGHT_M - mug.WALL_M)
    cup = np.pi * mug.RADIUS_M**2 * mug.HEIGHT_M - inner
    half, reach = (mug.HIGH_M - mug.LOW_M) / 2, mug.REACH_M
    arc = np.pi / 2 * (3 * (half + reach) - np.sqrt((3 * half + reach) * (half + 3 * reach)))
    tube = np.pi * mug.BAR_M**2 * arc
    assert thing.mass_kg == pytest.approx(2000 * (cup + tube), rel=0.25)
    assert thing.masses_kg().sum() == pytest.approx(thing.mass_kg)


def depth_of_rod(thing, x_m: float, z_m: float) -> float:
    """How deep a rod of 12 mm across the handle's plane lies in the object [m]."""
    spec = mujoco.MjSpec()
    add_object(spec, thing, free=False)
    body = spec.worldbody.add_body(name="rod", pos=[x_m, 0, z_m], quat=[0.5**0.5, 0.5**0.5, 0, 0])
    body.add_freejoint()
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.006, 0.05, 0])
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return max((-contact.dist for contact in data.contact), default=0.0)


def test_a_rod_goes_through_the_handle_and_not_through_its_wall(thing):
    middle = (mug.LOW_M + mug.HIGH_M) / 2
    wall = mug.RADIUS_M - mug.SHIFT_M
    outermost = wall - mug.WALL_M / 2 + mug.REACH_M
    hole = (wall + outermost - mug.BAR_M) / 2
    assert depth_of_rod(thing, hole, middle) == 0.0
    assert depth_of_rod(thing, outermost, middle) > 0.005
    assert depth_of_rod(thing, -mug.SHIFT_M, middle) > 0.005  # across both walls of the cup


def test_the_cup_is_open(thing):
    spec = mujoco.MjSpec()
    add_object(spec, thing, free=False)
    ball = spec.worldbody.add_body(pos=[-mug.SHIFT_M, 0, 0.05])
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.028, 0, 0])
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon == 0


def test_it_rests_where_it_is_put(thing):
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    add_object(spec, thing, pose(None, [0.5, 0.1, 0.0]))
    model = spec.compile()
    assert model.body("object").mass[0] == pytest.approx(thing.mass_kg)
    data = mujoco.MjData(model)
    for _ in range(500):
        mujoco.mj_step(model, data)
    assert data.qpos[:3] == pytest.approx([0.5, 0.1, 0.0], abs=0.003)
    assert np.abs(data.qvel).max() < 0.02


def test_it_is_drawn_with_its_texture_and_its_parts_are_where_they_are(thing):
    spec = mujoco.MjSpec()
    spec.visual.headlight.ambient = [0.6] * 3
    spec.stat.extent = 1.0
    add_object(spec, thing, free=False)
    intrinsics = CameraIntrinsics(400, 400, 159.5, 119.5, 320, 240)
    add_camera(spec.worldbody, "view", intrinsics, look_at((0, -0.4, 0.045), (0, 0, 0.045)))
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = SceneCamera(model, "view", intrinsics)
    try:
        color, ids = camera.color(data).astype(float), camera.geom_ids(data)
    finally:
        camera.close()
    masks = {part: part_mask(model, ids, [part]) for part in thing.parts}
    columns = {part: np.nonzero(mask)[1].mean() for part, mask in masks.items()}
    assert columns["handle"] > 190 > columns["body"]
    assert np.nonzero(masks["rim"])[0].max() < np.nonzero(masks["body"])[0].mean()
    red, green = (color[masks[part]].mean(axis=0) for part in ("body", "handle"))
    assert red[0] > 2 * red[1] and green[1] > 2 * green[0]


def test_its_name_stands_for_it_everywhere(scans):
    name = f"{scans}:mug"
    assert functional_parts("hold", name) == ("handle",)
    assert functional_parts("drink_with", name) == ("rim",)
    assert serving_parts(name)["wash"] == ("body", "rim")  # it has no part "bottom"
    assert label(name) == label(absolute(name)) == "own:mug"
    with pytest.raises(UnknownName, match="unknown affordance of"):
        functional_parts("cut_with", name)
    with pytest.raises(InvalidInput, match=f"there is no imported object .*{scans} has mug"):
        make_object(f"{scans}:cup", 0)
    with pytest.raises(InvalidInput, match="holds no imported objects; make some with"):
        make_object(f"{scans.parent}:mug", 0)


def test_the_same_mesh_is_decomposed_once(scans, monkeypatch, tmp_path):
    from affordance_grasp.simulation.scans import importer

    notes = read_notes(scans.parent / "parts.yaml")["mug"]
    monkeypatch.setattr(importer, "convex_pieces", lambda *_: pytest.fail("decomposed again"))
    importer.import_scan("mug", scans.parent / "raw" / "mug.obj", notes, scans)


def test_a_scan_of_which_nothing_is_said_is_one_part_to_hold(tmp_path, capsys):
    pytest.importorskip("trimesh", reason=WANTS_TRIMESH)
    corners = [f"v {x} {y} {z}" for x in (0, 0.05) for y in (0, 0.03) for z in (0, 0.02)]
    faces = ["f 1 2 4 3", "f 5 7 8 6", "f 1 5 6 2", "f 3 4 8 7", "f 1 3 7 5", "f 2 6 8 4"]
    (tmp_path / "box.obj").write_text("\n".join([*corners, *faces]))
    words = ["objects", "import", str(tmp_path / "box.obj"), "--out", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["parts"] == ["body"] and told["convex_pieces"] == 1
    assert told["extents_m"] == [0.05, 0.03, 0.02]
    assert told["mass_kg"] == pytest.approx(500 * 3e-5)
    assert functional_parts("hold", f"{tmp_path}/out:box") == ("body",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("rim:", "brim: [{z: [0.2, null]}]\n    rim:"), "part 'brim' of mug holds nothing"),
        (("family: mug", "family: sofa"), "no parts are known; say what its parts are for"),
        (("family: mug", "family: ../mug"), "family is '../mug'"),
        (("rest: body", "rest: body\n  serves: {hold: [lid]}"), "mug has no part 'lid'"),
        (("rest: body", "scale: 0.001\n  rest: body"), "expected 0.005 to 1 m"),
        (("z: [0.075, null]", "w: 1"), "it must be"),
        (("density_kg_m3: 2000", "mass_kg: 900"), "mass_kg is 900"),
    ],
)
def test_what_is_said_wrongly_of_a_scan_is_refused(scans, tmp_path, capsys, change, sentence):
    notes = tmp_path / "parts.yaml"
    notes.write_text((scans.parent / "parts.yaml").read_text().replace(*change))
    raw = str(scans.parent / "raw")
    assert (
        main(["objects", "import", raw, "--out", str(tmp_path / "o"), "--parts", str(notes)]) == 2
    )
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "o" / "mug" / "object.json").exists()


def broken(content: bytes, kind: str):
    def write(folder: Path) -> Path:
        path = folder / f"bad.{kind}"
        path.write_bytes(content)
        return path

    return write


TRIANGLE = b"v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nvt 0 0\nf 1/1 2/1 3/1\n"


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (broken(b"", "obj"), "bad.obj"),
        (broken(b"\x00" * 4000, "glb"), "bad.glb cannot be read"),
        (broken(b"glTF\x02\x00\x00\x00" + b"\xff" * 400, "glb"), "bad.glb cannot be read"),
        (broken(b"solid x\nfacet", "stl"), "bad.stl"),
        (broken(b"mtllib ../../etc/passwd\n" + TRIANGLE, "obj"), "outside of its folder"),
        (broken(b"mtllib gone.mtl\n" + TRIANGLE, "obj"), "'gone.mtl', which mesh"),
        (broken(TRIANGLE.replace(b"0.1", b"nan"), "obj"), "bad.obj"),
        (broken(TRIANGLE.replace(b"0.1", b"1e30"), "obj"), "expected 0.005 to 1 m"),
        (broken(b"hello", "ply"), "of no known format"),
        (lambda folder: folder / "gone", "no such file or folder"),
        (lambda folder: folder, "holds no scan"),
    ],
)
def test_broken_and_hostile_meshes_are_refused_with_a_sentence(tmp_path, capsys, write, sentence):
    pytest.importorskip("trimesh", reason=WANTS_TRIMESH)
    code = main(["objects", "import", str(write(tmp_path)), "--out", str(tmp_path / "out")])
    assert code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "mesh.bin").write_bytes(b"\x00" * 64), "is shorter than its"),
        (lambda folder: (folder / "texture0.png").unlink(), "texture"),
        (lambda folder: card(folder, mass_kg=-1), "cannot be read"),
        (lambda folder: card(folder, serves={"hold": ["lid"]}), "has no part 'lid'"),
        (lambda folder: card(folder, family="a/b"), "cannot be read"),
    ],
)
def test_a_damaged_object_is_refused_with_a_sentence(scans, tmp_path, damage, sentence):
    folder = tmp_path / "own" / "mug"
    folder.mkdir(parents=True)
    for file in (scans / "mug").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    damage(folder)
    with pytest.raises(InvalidInput, match=sentence):
        load_imported(f"{tmp_path}/own:mug", 0)


def card(folder: Path, **changes) -> None:
    path = folder / "object.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_layouts_are_told_apart(tmp_path):
    for file in ("ycb/025_mug/google_16k/textured.obj", "libero/pan/pan.xml", "plain/cup.GLB"):
        path = tmp_path / file
        path.parent.mkdir(parents=True)
        path.write_text("")
    for place in ("ycb", "ycb/025_mug", "ycb/025_mug/google_16k"):
        (name,) = find_scans(tmp_path / place)
        assert name == "025_mug"
    assert (
        list(find_scans(tmp_path / "libero"))
        == list(find_scans(tmp_path / "libero/pan"))
        == ["pan"]
    )
    assert (
        list(find_scans(tmp_path / "plain"))
        == list(find_scans(tmp_path / "plain/cup.GLB"))
        == ["cup"]
    )


def test_regions_hold_what_lies_within_all_their_bounds():
    cone = Region(x=(0.0, None), round=(0, 0, 1), planes=((0, 0, 1, 0.5),))
    notes = ScanNotes(family="thing", parts={"tip": (cone,)}, rest="body")
    points = np.array([[0.5, 0, 0], [-0.5, 0, 0], [0.9, 0.9, 0], [0.5, 0, 0.6]])
    assert parts_of_points(notes, points).tolist() == ["tip", "body", "body", "body"]


def test_the_notes_of_the_package_can_be_read():
    from affordance_grasp.share import share_path

    notes = read_notes(share_path("config/scan_parts.yaml"))
    assert len(notes) == 12 and notes["025_mug"].part_names() == ("handle", "rim", "body")


MJCF = """<mujoco><asset>
<texture file="half.png" name="t" type="2d"/><material name="m" texture="t"/>
<mesh file="box.msh" name="b" scale="0.5 0.5 0.5"/></asset><worldbody><body><body name="object">
<geom type="mesh" mesh="b" group="1" material="m" contype="0" conaffinity="0"/>
<geom type="box" pos="0.01 0 0.02" size="0.01 0.02 0.03" quat="1 0 0 0" group="0"/>
</body></body></worldbody></mujoco>"""


def test_an_object_of_libero_has_its_own_boxes_and_its_texture_the_right_way_up(tmp_path):
    from PIL import Image

    corners = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0, 0.1]], "<f4")
    rows = np.array([[0, 1], [1, 1], [0, 0]], "<f4")  # counted from above
    counts, faces = np.array([3, 0, 3, 1], "<i4"), np.array([0, 1, 2], "<i4")
    folder = tmp_path / "pan"
    folder.mkdir()
    (folder / "pan.xml").write_text(MJCF)
    whole = b"".join(each.tobytes() for each in (counts, corners, rows, faces))
    (folder / "box.msh").write_bytes(whole)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "half.png")
    found = read_libero(folder / "pan.xml")
    (solid,), (mesh,) = found.solids, found.meshes
    assert solid.min(axis=0) == pytest.approx([0, -0.02, -0.01])
    assert solid.max(axis=0) == pytest.approx([0.02, 0.02, 0.05])
    assert mesh.vertices[2] == pytest.approx([0, 0, 0.05])
    assert mesh.uv.tolist() == [[0, 0], [1, 0], [0, 1]]  # from below
    (folder / "box.msh").write_bytes(whole[:-4])
    with pytest.raises(InvalidInput, match="or is cut off"):
        read_libero(folder / "pan.xml")
    (folder / "pan.xml").write_text(MJCF.replace("box.msh", "../box.msh"))
    with pytest.raises(InvalidInput, match="which lies outside of it"):
        read_libero(folder / "pan.xml")
    (folder / "pan.xml").write_text(MJCF.replace('group="0"', 'group="2"'))
    with pytest.raises(InvalidInput, match="boxes of group 0"):
        read_libero(folder / "pan.xml")


def test_a_data_set_of_scans_is_filed_under_their_family_with_the_masks_of_their_parts(scans):
    config = DatasetConfig(
        ego_per_object=1, exo_per_pair=1, test_per_object=1, size=96, objects=(str(scans),)
    )
    jobs = plan(config)
    assert {job.family for job in jobs} == {"mug"}
    assert {job.name for job in jobs} == {f"{scans}:mug"}
    assert len({(job.kind, job.affordance, job.number) for job in jobs}) == len(jobs)
    kinds = {job.kind: job for job in jobs if job.affordance in ("", "hold")}
    ego, exo, test = (render_job(config, kinds[kind]) for kind in Kind)
    assert ego[0].filed.boxes.keys() >= {"", "body", "handle", "rim"}
    assert exo[0].filed.stem.startswith("hold_mug_")
    assert test[0].heatmaps.keys() == serving_parts(f"{scans}:mug").keys()


def test_scans_are_added_to_the_procedural_objects(scans):
    alone = plan(DatasetConfig())
    mixed = plan(DatasetConfig(objects=(f"procedural,{scans}",)))
    assert mixed[: len(alone)] == alone
    assert {job.scan for job in mixed[len(alone) :]} == {f"{scans}:mug"}
    with pytest.raises(InvalidInput, match="holds no imported objects"):
        plan(DatasetConfig(objects=("nowhere",)))


def test_a_pick_does_not_depend_on_the_folder_that_holds_the_scan():
    seeds = {Trial(f"{folder}ycb:025_mug", 3).placement_seed for folder in ("", "/data/", "../a/")}
    assert len(seeds) == 1
    assert Path(absolute("ycb:025_mug")).is_absolute() and absolute("mug") == "mug"
