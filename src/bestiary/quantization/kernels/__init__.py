"""Products with small weights on a CPU: 8 bits (`int8`), 4 bits (`int4`)."""
