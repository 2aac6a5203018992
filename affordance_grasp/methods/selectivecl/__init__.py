"""SelectiveCL (ICCV 2025): selective contrastive learning, calibrated by object affinity."""
