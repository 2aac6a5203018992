"""Simulated picks with and without affordance over objects x poses, as in PLSP's Table 13."""
