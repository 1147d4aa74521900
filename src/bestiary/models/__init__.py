"""Families only: a folder each, named by its `model_type`."""
