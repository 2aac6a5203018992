"""PLSP (ICLR 2025): the text feature of an affordance queries the image."""
