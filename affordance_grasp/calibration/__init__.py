"""Checks of a hand-eye calibration on views of a table or a ChArUco board."""
