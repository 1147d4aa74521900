"""Transformer models of every modality, under the public names people know. The one list of names is `__init__.pyi`."""

__version__ = "0.1.0"
_stub = ""


def __getattr__(name: str) -> object:
    """The public name `name`, imported from where the stub says when it is first used. The stub is searched, not parsed."""
    global _stub
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _stub:
        with open(f"{__file__.removesuffix('c')}i", encoding="utf-8") as file:
            _stub = file.read()
    if name == "__all__":
        value: object = [line.rstrip(",").rpartition(" as ")[2] for line in _stub.splitlines() if " as " in line]
    else:
        place = _stub.find(f" {name} as {name}")
        if place < 0:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        start = _stub.rindex("from .", 0, place) + len("from ")
        module = _stub[start : _stub.index(" import ", start)]
        value = import_module(f".{name}", __name__) if module == "." else getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))
