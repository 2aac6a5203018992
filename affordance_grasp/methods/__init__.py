"""The grounding methods, one folder each, and what every one of them offers."""
