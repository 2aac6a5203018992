"""One pick as motion: its path, the checks on it, its timing and its execution."""
