"""PLSP (ICLR 2025): a verb's text feature queries the image."""
