"""Training whose weights, gradients and optimizer state are shared out among processes (FSDP2 of torch)."""
