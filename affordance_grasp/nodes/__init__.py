"""ROS 2 nodes: the only place that knows ROS; each converts messages and calls the core."""
