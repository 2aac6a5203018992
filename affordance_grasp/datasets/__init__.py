"""Images in AGD20K's layout, the views of them, and their cached features."""
