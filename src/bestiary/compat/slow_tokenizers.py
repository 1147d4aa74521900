"""`convert_slow_tokenizer`: the Rust tokenizer of an object that holds vocabulary files."""

from typing import Any

from tokenizers import Tokenizer

from ..core.errors import ArgumentError
from ..preprocess.text import converters
from ..preprocess.text.base import PreTrainedTokenizerBase
from ..preprocess.text.tokenizer import PreTrainedTokenizerFast


def convert_slow_tokenizer(transformer_tokenizer: Any, from_tiktoken: bool = False) -> Tokenizer:
    """A Rust tokenizer of its own: a copy of the one inside, or what the file `vocab_file` (and `merges_file`) holds.

    Args:
        from_tiktoken: read that file as ranks of tiktoken, whatever its name.

    Raises:
        ArgumentError: the tokenizer is written in Python and has no such file. CorruptFile: the file is of no known form.
    """
    if isinstance(transformer_tokenizer, PreTrainedTokenizerFast):
        return Tokenizer.from_str(transformer_tokenizer.backend_tokenizer.to_str())
    attributes = vars(transformer_tokenizer)
    if attributes.get("vocab_file") is None:
        raise ArgumentError(
            f"{type(transformer_tokenizer).__name__} has no vocab_file that a Rust tokenizer can be made of; use it as it is"
        )
    if from_tiktoken:
        return converters.tiktoken.build(converters.tiktoken.read(attributes["vocab_file"]))
    settings = transformer_tokenizer.init_kwargs if isinstance(transformer_tokenizer, PreTrainedTokenizerBase) else {}
    return converters.guess(attributes["vocab_file"], attributes.get("merges_file"), settings)


class SentencePieceExtractor:
    """The tables of a sentencepiece file.

    Args:
        model: the path of the `.model` file.
    """

    def __init__(self, model: str) -> None:
        self._model = converters.sentencepiece.read(model)

    def extract(self, vocab_scores: Any = None) -> tuple[dict[str, int], list[tuple[str, float]], list[tuple[str, str]]]:
        """Piece -> number; the pieces with their scores; and the merges, those that make the best pieces first.

        Args:
            vocab_scores: changes nothing, as published.
        """
        pieces = self._model.pieces
        ids = {piece.text: number for number, piece in enumerate(pieces)}
        return ids, [(piece.text, piece.score) for piece in pieces], converters.sentencepiece.merges(self._model, ids)
