"""ROS messages <-> the values of the core."""
