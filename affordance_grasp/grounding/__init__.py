"""Affordance grounding: image and query -> heatmap."""
