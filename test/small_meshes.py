"""Meshes of a few triangles, written as a text STL."""


def write_stl(path, triangles):
    """Write triangles, each three corners [m]; returns the path."""
    lines = ["solid small"]
    for corners in triangles:
        lines += ["facet normal 0 0 1", "outer loop"]
        lines += [f"vertex {x} {y} {z}" for x, y, z in corners]
        lines += ["endloop", "endfacet"]
    path.write_text("\n".join([*lines, "endsolid small", ""]))
    return path
