"""Transformer models of every modality, under the public names people know. The one list of names is `__init__.pyi`."""

import lazy_loader as _lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
