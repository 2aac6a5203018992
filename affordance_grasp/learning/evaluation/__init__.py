"""Scores of heatmaps against ground truth."""
