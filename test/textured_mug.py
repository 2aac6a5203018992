"""A mug of a few hundred triangles with a texture, made here: handle in +x, open on top."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

RADIUS_M, HEIGHT_M, WALL_M, BAR_M = 0.040, 0.090, 0.004, 0.006
REACH_M, LOW_M, HIGH_M = 0.034, 0.020, 0.070
SHIFT_M = (REACH_M + BAR_M - WALL_M / 2) / 2
"""How far the middle of the whole lies in +x of the middle of the cup."""
NOTES = """
mug:
  family: mug
  density_kg_m3: 2000
  parts:
    handle: [{x: [%(edge)g, null], z: [0.01, 0.08]}]
    rim: [{z: [0.075, null]}]
  rest: body
"""
Z = (0, 0, 1)
Z = (0, 0, 1)
RED, GREEN = (200, 30, 30), (30, 160, 40)


def cup() -> tuple[np.ndarray, np.ndarray]:
    """Wall and bottom of one surface of revolution: a section that is walked round."""
    outer = [(0.0005, 0.0), (RADIUS_M, 0.0), (RADIUS_M, HEIGHT_M)]
    inner = [(RADIUS_M - WALL_M, HEIGHT_M), (RADIUS_M - WALL_M, WALL_M), (0.0005, WALL_M)]
    ring, sectors = np.array(outer + inner), 32
    angle = 2 * np.pi * np.arange(sectors) / sectors
    vertices = np.concatenate(
        [np.outer(ring[:, 0], (np.cos(a), np.sin(a), 0)) + np.outer(ring[:, 1], Z) for a in angle]
    )
    return vertices, quads(sectors, len(ring), closed=True)


def handle() -> tuple[np.ndarray, np.ndarray]:
    """A tube along half an ellipse that stands off the wall."""
    turn = np.linspace(np.pi / 2, -np.pi / 2, 13)
    middle, half = (LOW_M + HIGH_M) / 2, (HIGH_M - LOW_M) / 2
    path = np.column_stack(
        [RADIUS_M - WALL_M / 2 + REACH_M * np.cos(turn), 0 * turn, middle + half * np.sin(turn)]
    )
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    around = 2 * np.pi * np.arange(8) / 8
    rings = [
        p + BAR_M * (np.outer(np.cos(around), side) + np.outer(np.sin(around), np.cross(t, side)))
        for p, t in zip(path, along, strict=True)
    ]
    vertices, sides = np.concatenate([*rings, path[[0, -1]]]), quads(len(path), 8, closed=False)
    ends = [(8 * row + np.arange(8), len(vertices) - 2 + end) for end, row in ((0, 0), (1, 12))]
    fans = [(a[i], a[(i + 1) % 8], tip) for a, tip in ends for i in range(8)]
    return vertices, np.concatenate([sides, fans])


def quads(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Triangles of a grid whose columns are a loop; rows too where ``closed``."""
    i, j = np.meshgrid(np.arange(rows if closed else rows - 1), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = (i + 1) % rows * columns + j, (i + 1) % rows * columns + (j + 1) % columns
    return np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)


def write_obj(folder: Path, scale: float = 1.0) -> Path:
    """The mug as OBJ with a texture, red at the left, green at the right: body and handle."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, first = ["mtllib mug.mtl", "usemtl skin"], 1
    for (vertices, faces), u in ((cup(), 0.25), (handle(), 0.75)):
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices * scale]
        lines += [f"vt {u} 0.5" for _ in vertices]
        lines += ["f " + " ".join(f"{k + first}/{k + first}" for k in face) for face in faces]
        first += len(vertices)
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4], image[:, 4:] = RED, GREEN
    content = BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    (folder / "skin.png").write_bytes(content.getvalue())
    (folder / "mug.mtl").write_text("newmtl skin\nmap_Kd skin.png\n")
    path = folder / "mug.obj"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_notes(path: Path) -> Path:
    """What is said of it, in its frame after centring."""
    path.write_text(NOTES % {"edge": RADIUS_M - SHIFT_M + 0.001})
    return path
