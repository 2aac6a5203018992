"""The simulated world: robot, camera, household objects, and the data made from them (MuJoCo)."""
