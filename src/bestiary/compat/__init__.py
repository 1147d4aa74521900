"""Scripts written for `transformers`, unchanged: that name and its documented submodules come to mean this library.

    python -m bestiary.compat script.py arguments...

or, before anything imports `transformers`:

>>> import bestiary.compat
>>> bestiary.compat.install()
>>> from transformers import AutoTokenizer

`names.py` is the one table of old paths and names. A name that this library does not have raises `ImportError` and says so.
"""

from .finder import install as install
