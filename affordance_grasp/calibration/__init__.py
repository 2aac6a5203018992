"""Is the wrist camera where the hand-eye calibration says? Measured from a few views."""
