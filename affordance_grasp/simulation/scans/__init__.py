"""Import of scanned objects: meshes with textures, their parts, their convex pieces."""
