"""The order in which a training takes its rows, and each process its part. One file for each kind."""
