"""Families as their folders would be, made with `modeling/variant.py`: proof that no other file has to know them."""
