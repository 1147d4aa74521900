"""Ways to choose the next token. One file per strategy, named after it; what a file holds is said in `strategy.py`."""
