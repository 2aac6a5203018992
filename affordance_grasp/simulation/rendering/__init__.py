"""Rendering of a MuJoCo model: the camera, its noise, the OpenGL backend."""
