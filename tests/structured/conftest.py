from kit.generation import byte_level, ids, llama, makers, t5

__all__ = ["byte_level", "ids", "llama", "makers", "t5"]
