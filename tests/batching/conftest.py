from kit.generation import byte_level, ids, llama, makers, t5, tokenizer

__all__ = ["byte_level", "ids", "llama", "makers", "t5", "tokenizer"]
