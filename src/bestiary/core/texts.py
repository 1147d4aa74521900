"""Checks of a text that need no tokenizer."""


def is_whole(text: str) -> bool:
    """Whether `text` holds no half of a character (a lone surrogate), which no file, tokenizer or model can."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
