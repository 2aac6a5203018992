"""The motion of a pick: path, clearance checks, timing and execution."""
