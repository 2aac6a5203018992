"""Training runs: configuration, loop, optimisers, folder."""
