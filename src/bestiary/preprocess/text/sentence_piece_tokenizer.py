"""`SentencePieceBackend`: a tokenizer in Python over a sentencepiece model, for classes that change single steps of it."""

import os
from pathlib import Path
from typing import Any, ClassVar

from ...core.errors import InputError
from .converters.sentencepiece import SPACE
from .python_tokenizer import PythonBackend
from .sentence_pieces import SentencePieces


class SentencePieceBackend(PythonBackend):
    """Opens a `.model` file of sentencepiece. Any step may be overridden, as those of `PythonBackend`.

    Args:
        vocab_file: the file.
        legacy: False puts no space before a text.
        sp_model_kwargs: options of sentencepiece that draw splits; the most probable one is taken, which a warning says.
        options: those of every tokenizer, see `PreTrainedTokenizerFast`.

    Attributes:
        sp_model: the pieces, under the method names of sentencepiece's own processor.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {"vocab_file": "tokenizer.model"}
    backend = "sentencepiece"

    def __init__(self, **options: Any) -> None:
        path = options.get("vocab_file")
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"{type(self).__name__} needs vocab_file=, the path of a sentencepiece model; it is {path!r:.60}")
        self.vocab_file = str(path)
        self.legacy = bool(options.get("legacy", True))
        self.sp_model_kwargs = options.setdefault("sp_model_kwargs", {})
        self.sp_model = SentencePieces(path, self.sp_model_kwargs, None if self.legacy else False)
        super().__init__(**options)

    @property
    def vocab_size(self) -> int:
        """How many pieces the file holds."""
        return self.sp_model.get_piece_size()

    def get_vocab(self) -> dict[str, int]:
        """Token -> id, of the file and of added tokens."""
        return {str(self._token_of(index)): index for index in range(self.vocab_size)} | self.added_tokens_encoder

    def _ids_of_tokens(self) -> dict[str, int]:
        # Those of the file, also where a class counts otherwise: as published.
        numbers = {piece: self.sp_model.piece_to_id(piece) for piece in self.sp_model.pieces}
        return numbers | self.added_tokens_encoder

    def _tokenize(self, text: str) -> list[str]:
        if self.legacy or not text.startswith((SPACE, " ")):
            return self.sp_model.encode(text)
        # A space in front would be dropped; behind other text it stays.
        before = self.sp_model.encode(str(self.unk_token))
        tokens = self.sp_model.encode(f"{self.unk_token}{text}")
        return tokens[len(before) :] if len(tokens) >= len(before) else tokens

    def _convert_token_to_id(self, token: str) -> int:
        return self.sp_model.piece_to_id(token)

    def _convert_id_to_token(self, index: int) -> str:
        return self.sp_model.id_to_piece(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of pieces, without spaces at its ends."""
        return "".join(tokens).replace(SPACE, " ").strip()

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the `.model` file; returns its path."""
        name = self.vocab_files_names["vocab_file"]
        name = name if isinstance(name, str) else name[0]
        path = Path(save_directory) / (f"{filename_prefix}-{name}" if filename_prefix else name)
        path.write_bytes(self.sp_model.data)
        return (str(path),)
