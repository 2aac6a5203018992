"""What a node is told by others: frames, joints, the camera pose, the robot, answers."""
