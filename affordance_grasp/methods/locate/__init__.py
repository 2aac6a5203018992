"""LOCATE (CVPR 2023): class maps whose part is chosen by exocentric images; a baseline."""
