"""Which tokenizer class a checkpoint asks for."""

import os
from typing import Any

from ...core.files import read_json
from ...hub.files import HubOptions, find_file
from .files import TOKENIZER, read_config

GENERIC = "PreTrainedTokenizerFast"
# Names of classes that hold any tokenizer, so that the family decides.
_ANY = frozenset({GENERIC, "PreTrainedTokenizer", "TokenizersBackend", "PreTrainedTokenizerBase"})


def tokenizer_class(name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions()) -> tuple[str | None, str | None]:
    """The class that the files name, without the ending "Fast", and the `model_type` beside it.

    The class comes from tokenizer_config.json, else from config.json. It is `PreTrainedTokenizerFast` when the files name that
    or one like it, or name none but hold a tokenizer.json; None when only the family can tell how to read the vocabulary.
    """
    config = read_config(name_or_path, options)
    found = find_file(name_or_path, "config.json", options)
    model: dict[str, Any] = {} if found is None else read_json(found)
    named = config.get("tokenizer_class") or model.get("tokenizer_class")
    model_type = model.get("model_type")
    if named in _ANY:
        return GENERIC, model_type
    if named:
        return str(named).removesuffix("Fast"), model_type
    return (GENERIC if find_file(name_or_path, TOKENIZER, options) is not None else None), model_type
