"""Tasks to train for, one a file, named as the file: how rows become features, batches and metrics."""
