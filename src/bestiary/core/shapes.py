"""The letters that docstrings and comments use for the sizes of tensors.

| letter | size |
|---|---|
| B | batch |
| T | query positions of this call (text tokens, image patches, audio frames) |
| S | key positions (T plus what the cache holds; or the encoder's positions in cross-attention) |
| D | hidden size |
| F | intermediate size of an MLP |
| H | attention heads; G the key/value heads (G divides H); K the size of one head |
| V | vocabulary |
| N | labels |
| L | layers |
| C, Y, X | image channels, height, width |
| M, W | mel bands, audio samples |
"""
