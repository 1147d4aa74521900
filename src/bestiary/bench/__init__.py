"""Benchmarks that a user runs: speed and memory of any checkpoint, each combination of settings in a process of its own."""
