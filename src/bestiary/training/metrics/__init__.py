"""What predictions are worth: one file a kind of answer, functions of plain lists and arrays."""
