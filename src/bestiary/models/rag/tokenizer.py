"""The two tokenizers of RAG: that of questions, and that of documents and answers."""

import os
from pathlib import Path
from typing import Any, Self

from ...core.errors import InputError
from ...core.files import read_json
from ...hub.files import HubOptions, find_file
from ...hub.options import NameOrPath
from ...modeling.config import PreTrainedConfig
from ...modeling.families import class_named, preprocessor_of
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast
from . import RagConfig


class RagTokenizer:
    """Calls tokenize questions; answers are decoded by the generator's tokenizer.

    Args:
        question_encoder, generator: the tokenizers of both parts.
    """

    def __init__(self, question_encoder: Any, generator: Any) -> None:
        self.question_encoder, self.generator = question_encoder, generator
        self.current_tokenizer = question_encoder

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the tokenizer in use gives, at first that of questions."""
        return self.current_tokenizer(*args, **kwargs)

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        """The texts of answers."""
        texts: list[str] = self.generator.batch_decode(*args, **kwargs)
        return texts

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        """The text of an answer."""
        return self.generator.decode(*args, **kwargs)

    def _switch_to_input_mode(self) -> None:
        self.current_tokenizer = self.question_encoder

    def _switch_to_target_mode(self) -> None:
        self.current_tokenizer = self.generator

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write both into folders below `save_directory`.

        Raises:
            InputError: it is a file.
        """
        folder = Path(save_directory)
        if folder.is_file():
            raise InputError(f"{folder} is a file; expected a folder")
        self.question_encoder.save_pretrained(folder / "question_encoder_tokenizer")
        self.generator.save_pretrained(folder / "generator_tokenizer")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: NameOrPath, **kwargs: Any) -> Self:
        """The tokenizers of a checkpoint; `config` is that of the model, read where it is not passed.

        Raises:
            InputError: nothing says what class a tokenizer is of.
        """
        config = kwargs.pop("config", None) or RagConfig.from_pretrained(pretrained_model_name_or_path, **kwargs)
        parts = {name: config.get(name) for name in ("question_encoder", "generator")}
        return cls(**{name: _open(pretrained_model_name_or_path, name, part, kwargs) for name, part in parts.items()})


def _open(name_or_path: NameOrPath, part: str, config: PreTrainedConfig, options: dict[str, Any]) -> PreTrainedTokenizerFast:
    within = {**options, "subfolder": f"{part}_tokenizer"}
    hub, _ = HubOptions.split(dict(within))
    path = find_file(name_or_path, "tokenizer_config.json", hub)
    values = {} if path is None else read_json(path)
    name = values.get("tokenizer_class") if isinstance(values, dict) else None
    kind = class_named(name) if isinstance(name, str) else None
    kind = kind or preprocessor_of(config.model_type, "tokenizer")
    if kind is None:
        raise InputError(f"nothing says what the tokenizer in {within['subfolder']} of {name_or_path} is; found {name!r:.60}")
    opened: PreTrainedTokenizerFast = kind.from_pretrained(name_or_path, **within)
    return opened
