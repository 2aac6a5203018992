"""Recordings: a bag is read with no ROS, planned frame by frame, and told about afterwards."""
