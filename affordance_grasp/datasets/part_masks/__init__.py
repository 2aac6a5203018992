"""Photographs with masks of parts: data sets of others as test sets in AGD20K's layout."""
