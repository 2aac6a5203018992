"""The running work cell: world, actuators, observer, outcome of a pick."""
