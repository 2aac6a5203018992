"""Kinematics, inverse kinematics, gripper and motion of the arm."""
