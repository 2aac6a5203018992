"""Commands that check a robot's files and its calibration."""
