"""Guesses at the next tokens, by a smaller model or from the text so far, and how the model checks them."""
