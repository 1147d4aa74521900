from kit.generation import llama, t5

__all__ = ["llama", "t5"]
