"""Data collators: examples of a data set become one batch. One file for each kind."""
