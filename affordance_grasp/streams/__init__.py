"""What arrives from cameras and robots: messages checked and brought to one instant."""
