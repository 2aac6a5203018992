"""The scene in one depth image: the supporting plane, and what is above it."""
