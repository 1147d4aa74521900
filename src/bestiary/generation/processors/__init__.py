"""What changes the scores of the next token. One file per processor; what a file holds is said in `processor.py`."""
