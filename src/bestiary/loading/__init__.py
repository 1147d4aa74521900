"""Weights from their files into a model and back: formats, rules for names, the plan of dtypes and devices, reports."""
