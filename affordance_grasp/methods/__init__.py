"""The grounding methods, one folder each, and what all of them share."""
