"""The real camera: its lens, its device, its frames, and what commonly goes wrong with it."""
