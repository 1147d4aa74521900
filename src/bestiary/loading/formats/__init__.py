"""Formats of weight files, one file each; what a file must hold says `loading/format.py`."""
