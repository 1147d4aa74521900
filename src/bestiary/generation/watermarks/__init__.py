"""Marks in generated text that readers do not see and detectors do. One file per watermark; what a file holds is said in
`watermark.py`."""
