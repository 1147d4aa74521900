"""A page of a training that is read before any log is: curves, evaluations, what was trained on what, how it ended."""
