"""Recipes: a training written down in a file of YAML, which is checked, forecast and run."""
