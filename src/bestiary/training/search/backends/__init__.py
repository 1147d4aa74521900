"""What chooses the trials of a search: one file for each backend."""
