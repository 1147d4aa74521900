"""Embeddings that torch lacks."""

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, ConfigError, InputError
from .alias import Alias
from .init import Starting
from .inputs import check_rows
from .masks import positions
from .packed import rows_are_packed
from .place_buffers import KeepsPlaces, PlaceBuffer
from .values import extremes


class LearnedPositions(nn.Embedding):
    """A table with one row per position; positions beyond it are refused by name instead of by an index error.

    Args:
        first: the position of a text's first token; the row before it, if there is one, is that of padding and stays zero.

    Class attributes:
        has_end: whether no position beyond the table can be computed.
    """

    has_end: ClassVar[bool] = True

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        if count <= first:
            raise ConfigError(
                f"a table of {count} positions (max_position_embeddings) has none for text, which begins at {first}"
            )
        super().__init__(count, size, padding_idx=first - 1 if first else None)
        self.first = first

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B or 1, T) -> (B or 1, T, D)."""
        if torch.compiler.is_compiling():
            return super().forward(position_ids)
        if position_ids.shape[-1] > self.num_embeddings - self.first and not self._has(position_ids):
            raise InputError(self._too_long(position_ids.shape[-1]))
        try:
            return super().forward(position_ids)
        except (IndexError, RuntimeError) as error:
            check_rows(position_ids, "position_ids")
            if not isinstance(error, IndexError):
                raise
            raise InputError(self._too_long(int(position_ids.max()) + 1 - self.first)) from error

    def _has(self, position_ids: Tensor) -> bool:
        """Whether all positions are in the table, as those of many short texts in a row are."""
        bounds = extremes(position_ids)
        return rows_are_packed() if bounds is None else bounds[1] < self.num_embeddings

    def _too_long(self, length: int) -> str:
        available = self.num_embeddings - self.first
        return (
            f"the input has {length} positions, and this model knows {available};"
            f" cut {length - available} tokens (truncation=True in the tokenizer) or split the text"
        )


def numbered(first: int, words: Tensor, ids: Tensor | None, attention_mask: Tensor | None = None, past: int = 0) -> Tensor:
    """Position ids (B or 1, T) of `words` (B, T, D) behind `past` others, where texts begin at `first`: padding is not counted.

    Where padding is, the mask (B, T) says, or the `ids` (B, T), if there are positions for it.
    """
    says = attention_mask
    if first and ids is not None and past == 0 and (says is None or says.dim() != 2):
        says = ids != first - 1  # as published, whatever is attended to
    return positions(says, words.shape[1], past, words.device, first)


def rows_of(tokens: Tensor, past: int, first: int) -> Tensor:
    """Rows (B or 1, T) of a table whose first one is `first` for tokens (B, T), or embeddings (B, T, D), behind `past` others.

    The token `first - 1` is padding: it is not counted and has the row of its own number.
    """
    real = tokens != first - 1 if first and tokens.dim() == 2 else None
    rows = positions(real, tokens.shape[1], 0, tokens.device, first)
    return rows + past * (rows >= first)


class TextEmbeddings(KeepsPlaces):
    """What tokens, their segments and positions become: `joined` of the `word_embeddings` and the numbers of the others."""

    word_embeddings: nn.Embedding
    position_ids = PlaceBuffer()

    def forward(
        self,
        input_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values_length: int = 0,
    ) -> Tensor:
        """Tokens (B, T), or their embeddings (B, T, E), which count where there are both -> (B, T, D).

        Without token_type_ids all are of the first segment; without position_ids `past_key_values_length` others came before.
        """
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        table = self._modules.get("position_embeddings")
        if position_ids is None and isinstance(table, LearnedPositions):
            position_ids = numbered(table.first, words, input_ids, past=past_key_values_length)
        return self.joined(words, token_type_ids, position_ids)

    @staticmethod
    def create_position_ids_from_input_ids(input_ids: Tensor, padding_idx: int, past_key_values_length: int = 0) -> Tensor:
        """The rows (B, T) of tokens (B, T) where padding has the row `padding_idx`, and the first that is none the next one."""
        return rows_of(input_ids, past_key_values_length, padding_idx + 1)

    @staticmethod
    def create_position_ids_from_inputs_embeds(inputs_embeds: Tensor, padding_idx: int) -> Tensor:
        """The same of embeddings (B, T, D), none of which is padding."""
        return rows_of(inputs_embeds, 0, padding_idx + 1).expand(inputs_embeds.shape[:2])

    @abstractmethod
    def joined(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        """Embedded words (B, T, E), segments (B, T) and positions (B or 1, T) -> (B, T, D)."""


def sinusoids(length: int, size: int, longest: float = 10000.0) -> Tensor:
    """Positions (length, size) in fp32: sines, then cosines, of wavelengths from 2 pi to 2 pi * `longest` (geometric)."""
    steps = torch.arange(size // 2, dtype=torch.float32) / (size // 2 - 1)
    angles = torch.arange(length, dtype=torch.float32).unsqueeze(1) * torch.exp(-math.log(longest) * steps)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def alternating_sinusoids(length: int, size: int, longest: float = 10000.0, device: torch.device | None = None) -> Tensor:
    """Positions (length, size) in fp32: the sine and the cosine of each wavelength side by side (Vaswani et al. 2017)."""
    wavelengths = longest ** (2 * (torch.arange(size, dtype=torch.float64, device=device) // 2) / size)
    angles = torch.arange(length, dtype=torch.float64, device=device).unsqueeze(1) / wavelengths
    return torch.where(torch.arange(size, device=device) % 2 == 0, angles.sin(), angles.cos()).float()


class TextPositions(LearnedPositions):
    """A table of positions that are counted from 0, whatever row is the first one's; it counts tokens by itself, too.

    Class attributes:
        of_each_row: whether positions that it counts come with the batch's size, as in BART, or alone.
    """

    of_each_row: ClassVar[bool] = False

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | torch.Size | None = None,
        past_key_values_length: int = 0,
        position_ids: Tensor | None = None,
        *,
        input_ids_shape: torch.Size | None = None,
    ) -> Tensor:
        """position_ids (B or 1, T) -> (B or 1, T, D).

        Without them the positions behind `past_key_values_length` others, of what begins with a batch's size and a length,
        such as tokens (B, T), or of these two numbers: (T, D), or (B, T, D).
        """
        if position_ids is None:
            position_ids = self.counted(input_ids if input_ids_shape is None else input_ids_shape, past_key_values_length)
        elif self.of_each_row and position_ids.dim() == 1:
            position_ids = position_ids.unsqueeze(0)
        return super().forward(position_ids + self.first if self.first else position_ids)

    def counted(self, tokens: Tensor | torch.Size | None, past: int) -> Tensor:
        """The positions (T,) or (B, T) of `tokens`, or of their shape, behind `past` others."""
        if tokens is None:
            raise ArgumentError(f"{type(self).__name__} was called without tokens; pass them, their shape, or position_ids")
        size, length = tokens[:2] if isinstance(tokens, torch.Size) else tokens.shape[:2]
        places = torch.arange(past, past + length, device=self.weight.device)
        return places.expand(size, -1) if self.of_each_row else places


class BatchPositions(TextPositions):
    """The same where counted positions come with the batch's size."""

    of_each_row = True


class MaskedPositions(TextPositions):
    """The same, called with a mask (B, past + T), 1 at tokens that count, in place of tokens; padding's row is trained too."""

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__(count, size, first)
        self.padding_idx = None

    def counted(self, tokens: Tensor | torch.Size | None, past: int) -> Tensor:
        if not isinstance(tokens, Tensor):
            raise ArgumentError(f"{type(self).__name__} was called without attention_mask; pass that, or position_ids")
        return (tokens.cumsum(1) * tokens - 1).long()[:, past:]

    def forward(  # type: ignore[override]
        self, attention_mask: Tensor | None = None, past_key_values_length: int = 0, position_ids: Tensor | None = None
    ) -> Tensor:
        """As `TextPositions.forward`, with a mask in place of tokens."""
        return super().forward(attention_mask, past_key_values_length, position_ids)


class FixedPositions(TextPositions, Starting):
    """Sinusoids of Vaswani et al. 2017, all sines before all cosines: a table that is stored, and not trained."""

    starts = {"weight": lambda weight: weight.copy_(alternating_sinusoids(*weight.shape).unflatten(1, (-1, 2)).mT.flatten(1))}

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__(count, size, first)
        self.weight.requires_grad_(False)


class ComputedPositions(nn.Module):
    """Sinusoids of every position, in no table; arguments as of `LearnedPositions`, where `count` is no limit.

    Attributes:
        num_positions: how many the config speaks of. padding_idx: the row of padding.
    """

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__()
        self.num_positions, self.size, self.first = count - first, size, first
        self.padding_idx = first - 1 if first else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values_length: int = 0,
        position_ids: Tensor | None = None,
    ) -> Tensor:
        """position_ids (B or 1, T) from 0 -> (B or 1, T, D) in fp32; zeros for -1, which is padding's.

        Without them the positions of tokens (B, T) that are no padding, or of embeddings (B, T, D), behind
        `past_key_values_length` others.
        """
        if position_ids is not None:
            return self.at(position_ids + self.first)
        tokens = inputs_embeds if input_ids is None else input_ids
        if tokens is None:
            raise ArgumentError(f"{type(self).__name__} was called without tokens; pass them, or position_ids")
        return self.at(rows_of(tokens, past_key_values_length, self.first)).expand(len(tokens), -1, -1)

    def at(self, rows: Tensor) -> Tensor:
        """Rows of a table (...) -> (..., D) in fp32; zeros for the row before `first`."""
        steps = torch.arange(self.size // 2, device=rows.device) / (self.size // 2 - 1)
        angles = rows[..., None] * torch.exp(-math.log(10000.0) * steps)
        return torch.cat([angles.sin(), angles.cos()], dim=-1) * (rows >= self.first)[..., None]


class ScaledEmbedding(nn.Embedding):
    """Rows of a table times `scale`, which is rounded to their dtype first (Gemma: sqrt(D))."""

    scalar_embed_scale = Alias("embed_scale")

    def __init__(self, count: int, size: int, padding_idx: int | None = None, *, scale: float) -> None:
        super().__init__(count, size, padding_idx)
        self.embed_scale = scale

    def forward(self, input_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        rows = super().forward(input_ids)
        return rows * torch.tensor(self.embed_scale, dtype=rows.dtype, device=rows.device)
