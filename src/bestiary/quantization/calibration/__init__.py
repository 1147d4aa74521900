"""Quantizing by what layers compute on the user's own samples: the samples, the walk through a model's blocks, the solver."""
