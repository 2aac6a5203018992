"""What a work cell is built of: arm, gripper, camera housing, room."""
