"""Inputs of the nodes: frames, joints, camera pose, robot description, remote services."""
