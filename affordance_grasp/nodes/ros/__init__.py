"""Additions to rclpy: calls with a time limit, exclusive actions, parameters."""
