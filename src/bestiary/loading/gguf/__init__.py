"""GGUF, the format of llama.cpp: the blocks that its tensors are stored in, and its names for models, read and written."""
