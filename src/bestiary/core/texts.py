"""What can be told of a text before anything is done with it."""


def is_whole(text: str) -> bool:
    """Whether `text` holds no half of a character (a lone surrogate), which no file, tokenizer or model can."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
