"""Segmentation of one depth image: the supporting plane and the objects on it."""
