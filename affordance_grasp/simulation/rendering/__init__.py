"""Images of a MuJoCo model: the camera, its noise, and what it renders with."""
