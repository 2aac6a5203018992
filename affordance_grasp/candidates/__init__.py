"""6-DoF grasp candidates from one depth image."""
