"""Pseudo labels for PLSP: masks of parts from boxes, and their refinement."""
