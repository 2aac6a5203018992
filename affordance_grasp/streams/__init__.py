"""Sensor messages: validated, paired and interpolated at one instant.

Free of ROS: nodes and replay feed the same classes, with times in integer nanoseconds.
"""
