"""The work cell while it runs: the world, its observer, its outcome."""
