"""What rclpy leaves to its users: waits with a limit, exclusive actions, parameters."""
