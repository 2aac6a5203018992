"""Clients of external grasp generators; validation and conversion of their grasps."""
