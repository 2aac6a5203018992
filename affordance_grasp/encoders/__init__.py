"""Pretrained image and text encoders, and their weights."""
