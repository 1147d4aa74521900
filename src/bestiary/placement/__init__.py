"""A model spread over devices: which part goes where, how it runs, and tensors kept in files instead of in memory."""
