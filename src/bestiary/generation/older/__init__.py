"""Strategies that few still use: constrained and grouped beams, contrastive search, DoLa. One each, as in `strategies/`."""
