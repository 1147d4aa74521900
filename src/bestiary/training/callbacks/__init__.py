"""What watches a training and steers it: one file for each callback; `base` says what each sees and may set."""
