"""What each released code computes, re-implemented plainly: the yardstick of the benchmark."""
