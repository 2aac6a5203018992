"""A serial arm: its URDF, and forward and inverse kinematics."""
