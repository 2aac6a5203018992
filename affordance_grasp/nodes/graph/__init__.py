"""The ROS graph from a program: its processes, and a client."""
