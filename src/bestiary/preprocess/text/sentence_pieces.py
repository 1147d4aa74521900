"""Sentencepiece's splitting alone, for tokenizers that number the pieces by a table of their own."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.logging import warn_once
from .converters import sentencepiece
from .converters.sentencepiece import CONTROL, SPACE, UNKNOWN
from .converters.text import is_text, need_file


class SentencePieces:
    """Text to pieces and back, as a `.model` file says (`spm`); pieces that it does not have stand for themselves.

    Args:
        options: those of sentencepiece's own processor (`sp_model_kwargs`), which draws splits by them. Here the best split is
            taken, and a warning says so.
        prefixed: whether a space is put before a text (None: as the file says).

    Attributes:
        data: the file. pieces: its pieces, by their numbers there.
    """

    def __init__(
        self, spm: str | os.PathLike[str], options: Mapping[str, Any] | None = None, prefixed: bool | None = None
    ) -> None:
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"sp_model_kwargs is {options!r:.60}; expected a table of options")
        if options:
            warn_once("sp-model-kwargs", f"sp_model_kwargs {dict(options)} has no effect: the most probable split is taken")
        model = sentencepiece.read(need_file(spm, "pieces of sentencepiece"))
        self.data = Path(spm).read_bytes()
        if prefixed is not None:
            model.add_dummy_prefix = prefixed
        self.pieces = [piece.text for piece in model.pieces]
        self._ids = {text: number for number, text in enumerate(self.pieces)}
        self._unk_id = model.unk_id
        self._unknown = self.pieces[model.unk_id]
        self._controls = {piece.text for piece in model.pieces if piece.kind == CONTROL}
        self._known = set(self.pieces) - {self._unknown}
        self._drops_spaces = model.remove_extra_whitespaces
        self._drops_space = model.add_dummy_prefix or self._drops_spaces
        # No text spells a control token; under names of noncharacters none can.
        hidden = (CONTROL, UNKNOWN)
        model.pieces = [
            replace(piece, text=f"\ufdd0{number}") if piece.kind in hidden else piece
            for number, piece in enumerate(model.pieces)
        ]
        self._rust = sentencepiece.build(model, {})
        self._rust.encode_special_tokens = True
        self._hidden = model.pieces[model.unk_id].text

    def encode(self, text: str, out_type: type[str] | type[int] = str) -> list[Any]:
        """The pieces of a text, or their numbers; of what the model does not know, the text itself."""
        if not is_text(text):
            raise InputError(f"a text cannot be encoded; is it valid Unicode, without lone surrogates? Found {text!r:.60}")
        encoding = self._rust.encode(text, add_special_tokens=False)
        spelt = zip(encoding.tokens, encoding.offsets, strict=True)
        pieces = [text[first:last] if token == self._hidden else token for token, (first, last) in spelt]
        return pieces if out_type is str else [self.piece_to_id(piece) for piece in pieces]

    def get_piece_size(self) -> int:
        """How many pieces there are."""
        return len(self.pieces)

    def piece_to_id(self, piece: str) -> int:
        """The number of a piece, that of the unknown one for any other."""
        return self._ids.get(piece, self._unk_id)

    def id_to_piece(self, id: int) -> str:
        """The piece of a number.

        Raises:
            IndexError: there is no such piece.
        """
        if not 0 <= id < len(self.pieces):
            raise IndexError(f"there is no piece {id}; the model has {len(self.pieces)}")
        return self.pieces[id]

    def decode(self, pieces: list[str]) -> str:
        """The text of pieces, without the space before the first word."""
        text, begins = "", True
        for piece in pieces:
            if piece in self._controls:
                continue
            if piece in self._known:
                if begins and self._drops_space and piece.startswith(SPACE):
                    piece, begins = piece[1:], self._drops_spaces
                piece = piece.replace(SPACE, " ")
            text += " ⁇ " if piece == self._unknown else piece
            begins = begins and not text
        return text

    # sentencepiece's older names
    GetPieceSize, PieceToId, IdToPiece, EncodeAsPieces, DecodePieces = get_piece_size, piece_to_id, id_to_piece, encode, decode
    __len__ = get_piece_size
