"""Commands that make objects and data sets."""
