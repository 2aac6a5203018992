"""The package's methods beside plain versions of the released computations, in one process."""
