"""The papers' ablation tables."""
