"""The simulated affordance data set."""
