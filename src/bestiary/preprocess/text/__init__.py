"""Text to ids and back: the tokenizer, what it returns, chat templates, tool schemas, readers of old vocabulary files."""
