"""MuJoCo models of arm, gripper, camera housing and room."""
