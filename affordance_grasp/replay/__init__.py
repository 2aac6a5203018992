"""Replay of recordings without ROS: a bag is read, planned frame by frame, and reported."""
