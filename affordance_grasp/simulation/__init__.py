"""The simulated world: robot, camera, household objects, and the data made from them (MuJoCo)."""

from affordance_grasp.simulation.rendering.renderer import choose_backend

choose_backend()
