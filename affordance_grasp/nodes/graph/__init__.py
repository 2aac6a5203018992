"""A program's side of the ROS graph: its processes, and a client that asks it."""
