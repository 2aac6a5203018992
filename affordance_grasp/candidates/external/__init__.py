"""Grasps of other generators: how they are asked, read, checked and converted."""
