"""GGUF, the format of llama.cpp: metadata of every kind, and tensors in blocks of small whole numbers.

A file whose architecture is known is read under the published names and in the published layout; tensors in blocks are
float32 numbers, made when they are asked for. What `loading/gguf` holds does the work.
"""

from ..gguf.published import PublishedGguf

FILE_NAME = "model.gguf"
SUFFIXES = (".gguf",)
PLACE = 3

READER = PublishedGguf
