"""An object as a body of a MuJoCo model."""

from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.geometry import pose
from affordance_grasp.simulation.models.looks import placed
from affordance_grasp.simulation.models.room import add_textured_material
from affordance_grasp.simulation.models.textures import object_texture
from affordance_grasp.simulation.objects.assembly import lathe
from affordance_grasp.simulation.objects.primitive import (
    HouseholdObject,
    Hull,
    Material,
    Primitive,
)

DRAWN_GROUP, HIDDEN_GROUP = 0, 3  # MuJoCo draws groups 0 to 2


def add_object(
    spec: mujoco.MjSpec,
    obj: HouseholdObject,
    T_world_object: ArrayLike | None = None,
    name: str = "object",
    free: bool = True,
) -> mujoco.MjsBody:
    """Add one body with geoms ``<name>/<part>/<i>`` and, where ``free``, a free joint.

    Walls of shells and convex pieces of scans are solid but not drawn; the mesh that is drawn in
    their place has no mass and touches nothing. All carry the part in their name.
    """
    T = pose() if T_world_object is None else np.asarray(T_world_object, float)
    body = spec.worldbody.add_body(name=name, **placed(T))
    if free:
        body.add_freejoint(name=f"{name}/free")
    materials = _add_materials(spec, obj, name)
    for i, (piece, mass_kg) in enumerate(zip(obj.primitives, obj.masses_kg(), strict=True)):
        geom = body.add_geom(
            **_solid(spec, piece, f"{name}/{piece.part}/{i}"),
            material=materials[piece.material],
            group=DRAWN_GROUP if piece.visible else HIDDEN_GROUP,
            mass=float(mass_kg),
        )
        if piece.solid:
            geom.condim, geom.friction = 4, [obj.friction, 0.005, 0.0002]
        else:
            geom.contype = geom.conaffinity = 0
    _add_shells(spec, body, obj, name, materials)
    _add_skins(spec, body, obj, name)
    return body


def _solid(spec: mujoco.MjSpec, piece: Primitive | Hull, name: str) -> dict[str, Any]:
    """A geom's arguments, as :func:`geom_of`; the mesh of a convex piece is added."""
    if isinstance(piece, Primitive):
        return geom_of(piece, name)
    spec.add_mesh(name=name, uservert=piece.corners_m.ravel())
    return {"name": name, "type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": name}


def geom_of(piece: Primitive, name: str) -> dict[str, Any]:
    """Shape, size and place of a primitive as MuJoCo's arguments of a geom."""
    return {
        "name": name,
        "type": getattr(mujoco.mjtGeom, f"mjGEOM_{piece.shape.name}"),
        "size": [*piece.size, 0, 0][:3],
        "pos": piece.position_m,
        "quat": piece.quaternion_wxyz,
    }


def _add_shells(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    obj: HouseholdObject,
    name: str,
    materials: dict[Material, str],
) -> None:
    for j, shell in enumerate(obj.shells):
        vertices, faces = lathe(shell)
        mesh = spec.add_mesh(name=f"{name}/shell{j}")
        mesh.uservert, mesh.userface = vertices.ravel(), faces.ravel()
        label = f"{name}/{shell.part}/{len(obj.primitives) + j}"
        _draw(body, mesh, label, materials[shell.material], pos=shell.position_m)


def _add_skins(spec: mujoco.MjSpec, body: mujoco.MjsBody, obj: HouseholdObject, name: str) -> None:
    first = len(obj.primitives) + len(obj.shells)
    textures = {id(skin.texture): skin.texture for skin in obj.skins}
    for number, image in enumerate(textures.values()):
        add_textured_material(spec, f"{name}/skin{number}", image, repeat=1.0, specular=0.2)
        spec.material(f"{name}/skin{number}").texuniform = False
    for i, skin in enumerate(obj.skins, first):
        mesh = spec.add_mesh(name=f"{name}/{skin.part}/{i}")
        mesh.uservert, mesh.userface = skin.vertices_m.ravel(), skin.faces.ravel()
        # MuJoCo counts rows of a texture from above.
        mesh.usertexcoord = np.column_stack([skin.uv[:, 0], 1 - skin.uv[:, 1]]).ravel()
        mesh.userfacetexcoord = skin.faces.ravel()
        number = list(textures).index(id(skin.texture))
        _draw(body, mesh, mesh.name, f"{name}/skin{number}")


def _draw(
    body: mujoco.MjsBody, mesh: mujoco.MjsMesh, name: str, material: str, **place: Any
) -> None:
    """Show a mesh, without mass, that touches nothing."""
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=mesh.name,
        material=material,
        contype=0,
        conaffinity=0,
        mass=0,
        **place,
    )


def _add_materials(spec: mujoco.MjSpec, obj: HouseholdObject, name: str) -> dict[Material, str]:
    used = dict.fromkeys(
        [p.material for p in obj.primitives] + [shell.material for shell in obj.shells]
    )
    names = {material: f"{name}/material{i}" for i, material in enumerate(used)}
    for material, label in names.items():
        added = spec.add_material(
            name=label,
            rgba=material.rgba,
            specular=material.specular,
            shininess=material.shininess,
        )
        if material.pattern:
            _add_texture(spec, label, material.pattern, obj.seed)
            added.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = label
    return names


def _add_texture(spec: mujoco.MjSpec, label: str, pattern: str, seed: int) -> None:
    face = object_texture(pattern, np.random.default_rng(seed))
    texture = spec.add_texture(name=label, type=mujoco.mjtTexture.mjTEXTURE_CUBE)
    texture.width, texture.height, texture.nchannel = face.shape[1], 6 * face.shape[0], 3
    texture.data = np.tile(face, (6, 1, 1)).tobytes()
