"""Which kernel computes a product: what was measured on this machine, else a fixed order."""

# Rows from which AMX is faster than vectors, where nothing was measured.
_TILES_FROM = {"int8": 5, "int4": 24, "int4 exact": 32}


def tiles_from(kind: str) -> int:
    """The fewest rows of a product of this kind that go to AMX."""
    return _TILES_FROM[kind]
