"""Text to ids and back: the tokenizer class, what it returns, chat templates, tool schemas, and readers of old vocabulary files."""
