"""Images become pixel tensors: reading, the steps as plain functions, and the processor that applies them."""
