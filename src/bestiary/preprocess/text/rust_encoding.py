"""`RustEncoding`: what a tokenizer does through the Rust `tokenizers` package."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, Encoding, models

from ...core.errors import CorruptFile
from ...core.logging import warn_once
from .batch_encoding import BatchEncoding
from .chat.template import RenderedPrompt
from .decoding import no_ids, texts
from .encode import (
    COLUMNS,
    EncodeOptions,
    Sample,
    begins_twice,
    encode_samples,
    pad_rows,
    read_samples,
    with_overflow,
    without_special,
)
from .encoding import EncodingMixin
from .rust import RustTokenizer, framed
from .special_tokens import Token, as_special

# Models round their vocabulary up, for speed; by 905 in the widest case known.
PADDED = 1024


class RustEncoding(EncodingMixin):
    """Text to rows of ids and back, by a Rust tokenizer."""

    rust: RustTokenizer

    def _encode(self, text: Any, pair: Any, options: EncodeOptions) -> BatchEncoding:
        samples, batched = read_samples(text, pair, options.words)
        rows, dropped = self._rows(samples, options)
        self._tell_lengths(rows, dropped, options)
        origin: list[int] = []
        if options.overflow:
            rows, origin = with_overflow(rows)
            dropped = [0] * len(samples)
        if options.padding is not None and rows:
            pad_rows(rows, options.padding, self.pad_token_id, self.pad_token, self.pad_token_type_id)
        columns: dict[str, Any] = {self.model_input_names[0]: [row.ids for row in rows]}
        for name in options.columns:
            columns[name] = list(map(COLUMNS[name], rows))
        if options.length:
            columns["length"] = [len(row) for row in rows]
        if options.overflow:
            columns["overflow_to_sample_mapping"] = origin
        if not batched and not options.overflow and options.tensors is None:
            columns = {name: column if name == "length" else column[0] for name, column in columns.items()}
        if not rows and options.tensors is not None:
            columns = {name: np.zeros((0, 0), dtype=np.int64) for name in columns}
        return BatchEncoding(columns, rows, options.tensors, dropped_tokens=dropped)

    def _rows(self, samples: list[Sample], options: EncodeOptions) -> tuple[list[Encoding], list[int]]:
        """Encode; a rendered chat holds its special tokens already, so none are added to it."""
        rendered = [isinstance(sample, RenderedPrompt) for sample in samples]
        if True not in rendered or not options.add_special_tokens:
            rows, dropped = encode_samples(self.rust, samples, options)
            if options.add_special_tokens and self._is_bos_doubled(rows):
                warn_once(
                    "double-bos",
                    f"a text begins with {self.bos_token!r}, and encoding added another; pass add_special_tokens=False",
                )
            return rows, dropped
        without_more = without_special(options)
        parts = [
            encode_samples(self.rust, [sample], without_more if done else options)
            for sample, done in zip(samples, rendered, strict=True)
        ]
        return [row for rows, _ in parts for row in rows], [count for _, counts in parts for count in counts]

    def _is_bos_doubled(self, rows: Sequence[Encoding]) -> bool:
        """Whether some text begins with the beginning-of-text token, and another was put before it."""
        doubled = [row for row in rows if begins_twice(row)]
        bos = self.bos_token_id if doubled else None
        return bos is not None and any(row.ids[0] == bos for row in doubled)

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any) -> list[str]:
        """The tokens of a text as strings."""
        return self(text, pair, add_special_tokens=add_special_tokens, **options).tokens()

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens encoding adds to a text, or to a pair."""
        return int(self.rust.main.num_special_tokens_to_add(bool(pair)))

    def _framed(self, first: list[int], second: list[int] | None) -> tuple[list[int], list[int]]:
        return framed(self.rust.main, first, second)

    def _encode_without_added_tokens(self, text: str) -> list[int]:
        rust = self.rust.main
        if rust.normalizer is not None:
            text = rust.normalizer.normalize_str(text)
        words = [text] if rust.pre_tokenizer is None else [word for word, _ in rust.pre_tokenizer.pre_tokenize_str(text)]
        return [token.id for word in words for token in rust.model.tokenize(word)]

    def _decode(
        self, token_ids: list[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> str:
        try:
            text = self.rust.main.decode(token_ids, skip_special_tokens=skip_special_tokens)
        except (OverflowError, TypeError) as error:
            raise no_ids(token_ids) from error
        if token_ids and self.rust.main.id_to_token(max(token_ids)) is None and max(token_ids) >= len(self) + PADDED:
            self._tell_beyond(token_ids)
        clean = clean_up_tokenization_spaces
        if clean is None:
            # Files of BPE tokenizers set this by habit; there every space is text, and cleaning would lose some.
            clean = self.clean_up_tokenization_spaces and not isinstance(self.rust.main.model, models.BPE)
        return self.clean_up_tokenization(text) if clean else text

    def _tell_beyond(self, row: list[int]) -> None:
        beyond = [index for index in row if self.rust.main.id_to_token(index) is None]
        if beyond:
            warn_once(
                "ids-beyond",
                f"{len(beyond)} of {len(row)} ids stand for no token and are left out of the text (the first is {beyond[0]}, "
                f"the vocabulary has {len(self)}); do model and tokenizer belong together?",
            )

    def _id_of(self, token: str) -> int | None:
        return self.rust.main.token_to_id(token)

    def _token_of(self, index: int) -> str | None:
        try:
            return self.rust.main.id_to_token(index)
        except (OverflowError, TypeError) as error:
            raise no_ids([index]) from error

    def _add_tokens(self, new_tokens: Sequence[Token], special_tokens: bool = False) -> int:
        added = self.rust.main.add_tokens([as_special(token) for token in new_tokens] if special_tokens else list(new_tokens))
        self.rust.forget_twins()
        return int(added)

    def _restore_added(self, added: Mapping[int, Token]) -> None:
        """Add the tokens that a file lists with their ids, where they are not there yet.

        Raises:
            CorruptFile: they cannot have the ids that the file gives them.
        """
        present = self.rust.main.get_added_tokens_decoder()
        missing = {index: token for index, token in sorted(added.items()) if index not in present}
        self.rust.main.add_tokens(list(missing.values()))
        for index, token in missing.items():
            content = str(getattr(token, "content", token))
            if self.rust.main.token_to_id(content) != index:
                raise CorruptFile(
                    f"the files list the added token {content!r} with id {index}, but after a vocabulary of "
                    f"{self.rust.main.get_vocab_size(False)} tokens it gets {self.rust.main.token_to_id(content)}"
                )

    @property
    def vocab_size(self) -> int:
        """Size of the vocabulary without added tokens; `len(tokenizer)` counts them."""
        return int(self.rust.main.get_vocab_size(with_added_tokens=False))

    def __len__(self) -> int:
        return int(self.rust.main.get_vocab_size(with_added_tokens=True))

    def get_vocab(self) -> dict[str, int]:
        """Token -> id, added tokens included."""
        return dict(self.rust.main.get_vocab(with_added_tokens=True))

    @property
    def vocab(self) -> dict[str, int]:
        """Token -> id, added tokens included."""
        return self.get_vocab()

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id -> added token."""
        return dict(sorted(self.rust.main.get_added_tokens_decoder().items()))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens given as strings."""
        tokens = texts(tokens)
        decoder = self.rust.main.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(tokens))
