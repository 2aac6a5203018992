"""What arrives from cameras and robots: messages checked and brought to one instant.

Knows no ROS: nodes and replay feed the same classes, with times in integer nanoseconds.
"""
