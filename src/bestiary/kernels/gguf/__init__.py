"""The blocks of GGUF files: numbers to bytes and back, as torch computes it (`blocks`); the C kernels read most of them too."""
