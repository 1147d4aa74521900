"""Kernels of our own for a CPU, compiled by its compiler at first use: weights in 16 (`half`), 8 (`int8`), 4 bits (`int4`)."""
