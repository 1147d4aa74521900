"""Reformer's embeddings and its reversible layers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ...core.errors import ConfigError, InputError
from ...nn.activations import activation
from ...nn.block import Block
from ...nn.embeddings import LearnedPositions
from ...nn.init import Starting, normal
from ...nn.inputs import check_rows
from ...nn.layer import in_chunks
from ...nn.masks import Mask
from ...nn.reversible import ReversibleLayer, through
from . import ReformerConfig
from .attention import LocalSelfAttention, LSHSelfAttention, ReformerSelfAttention

KINDS: dict[str, type[ReformerSelfAttention]] = {"local": LocalSelfAttention, "lsh": LSHSelfAttention}


class AxialTables(nn.Module):
    """The embeddings of rows (R, 1, D') and of columns (1, C, D'') of positions; files number them."""

    def __init__(self, shape: tuple[int, ...], sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.register_parameter("0", nn.Parameter(torch.ones(shape[0], 1, sizes[0])))
        self.register_parameter("1", nn.Parameter(torch.ones(1, shape[1], sizes[1])))

    def forward(self, rows: Tensor, columns: Tensor) -> Tensor:
        """(B, T) twice -> (B, T, D' + D'')."""
        return torch.cat([self.get_parameter("0")[rows, 0], self.get_parameter("1")[0, columns]], dim=-1)


class AxialPositionEmbeddings(Starting):
    """Positions in rows and columns, an embedding for each of both."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.axial_pos_shape, self.axial_pos_embds_dim = tuple(config.axial_pos_shape), tuple(config.axial_pos_embds_dim)
        if len(self.axial_pos_shape) != 2 or len(self.axial_pos_embds_dim) != 2:
            raise ConfigError(
                f"axial_pos_shape is {self.axial_pos_shape}, axial_pos_embds_dim {self.axial_pos_embds_dim}; expected two each"
            )
        if sum(self.axial_pos_embds_dim) != config.hidden_size:
            raise ConfigError(
                f"axial_pos_embds_dim is {self.axial_pos_embds_dim}; expected two widths whose sum is hidden_size"
                f" ({config.hidden_size})"
            )
        self.dropout = config.hidden_dropout_prob
        self.weights = AxialTables(self.axial_pos_shape, self.axial_pos_embds_dim)
        self.starts = dict.fromkeys(("weights.0", "weights.1"), normal(config.axial_norm_std))

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D). In training all positions of some columns are dropped."""
        rows, columns = self.axial_pos_shape
        if not torch.compiler.is_compiling():
            check_rows(position_ids, "position_ids", rows * columns)
        column = position_ids.long() % columns
        embedded: Tensor = self.weights(position_ids.long() // columns, column)
        if not self.training or not self.dropout:
            return embedded
        kept = nn.functional.dropout2d(embedded.new_ones(len(column), columns, 1, 1), self.dropout)[..., 0, 0]
        return embedded * kept.gather(1, column).unsqueeze(-1)


class PositionEmbeddings(nn.Module):
    """A table of positions."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.dropout = config.hidden_dropout_prob
        self.embedding = LearnedPositions(config.max_position_embeddings, config.hidden_size)

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        return dropout(self.embedding(position_ids), self.dropout, self.training)


class ReformerEmbeddings(nn.Module):
    """word + position."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.max_position_embeddings, self.dropout = config.max_position_embeddings, config.hidden_dropout_prob
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = (AxialPositionEmbeddings if config.axial_pos_embds else PositionEmbeddings)(config)

    def forward(self, words: Tensor, position_ids: Tensor) -> Tensor:
        """words (B, T, D) are already embedded; position_ids (B, T)."""
        if words.shape[1] > self.max_position_embeddings:
            raise InputError(
                f"the input has {words.shape[1]} positions, and this model knows {self.max_position_embeddings}; cut it"
                " (truncation=True in the tokenizer) or split the text"
            )
        output: Tensor = dropout(words, self.dropout, self.training) + self.position_embeddings(position_ids)
        return output


class Projection(nn.Module):
    """act(dropout(dense(x)))."""

    def __init__(self, inner: int, outer: int, rate: float, bias: bool = True, act: Any = None) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(inner, outer, bias=bias), rate
        self.act_fn = None if act is None else activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D')."""
        x = dropout(self.dense(x), self.dropout, self.training)
        return x if self.act_fn is None else self.act_fn(x)


class ReformerAttention(Block):
    """output(attention(norm(x)))."""

    order = (
        "hidden_states attention_mask num_hashes past_buckets_states use_cache orig_sequence_length output_attentions buckets"
    )
    names = {"cache": "past_buckets_states", "again": "buckets"}

    def __init__(self, config: ReformerConfig, layer_id: int = 0) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.self_attention = KINDS[config.attn_layers[layer_id]](config, layer_id)
        width = config.num_attention_heads * config.attention_head_size
        self.output = Projection(width, config.hidden_size, config.hidden_dropout_prob, bias=False)

    def forward(self, x: Tensor, mask: Mask, cache: Any = None, **hashing: Any) -> tuple[Tensor, Tensor | None]:
        """(B, T, D) -> the same, and the buckets that its tokens fell into."""
        x, buckets = self.self_attention(self.layer_norm(x), mask, cache, **hashing)
        return self.output(x), buckets


class ChunkReformerFeedForward(nn.Module):
    """output(act(dense(norm(x)))), some positions at a time."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.chunk_size_feed_forward, self.seq_len_dim = config.chunk_size_feed_forward, 1
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        size, inner, rate = config.hidden_size, config.feed_forward_size, config.hidden_dropout_prob
        self.dense, self.output = Projection(size, inner, rate, act=config.hidden_act), Projection(inner, size, rate)

    def forward(self, attention_output: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        return in_chunks(self.forward_chunk, attention_output, self.chunk_size_feed_forward)

    def forward_chunk(self, hidden_states: Tensor) -> Tensor:
        """Of some positions."""
        output: Tensor = self.output(self.dense(self.layer_norm(hidden_states)))
        return output


class ReformerLayer(ReversibleLayer):
    """y1 = x1 + attention(x2), then y2 = x2 + mlp(y1)."""

    def __init__(self, config: ReformerConfig, layer_id: int = 0) -> None:
        super().__init__()
        self.attention, self.feed_forward = ReformerAttention(config, layer_id), ChunkReformerFeedForward(config)

    def first(self, x: Tensor, mask: Mask, cache: Any = None, **hashing: Any) -> tuple[Tensor, Tensor | None]:
        output: tuple[Tensor, Tensor | None] = self.attention(x, mask, cache, **hashing)
        return output

    def second(self, x: Tensor) -> Tensor:
        output: Tensor = self.feed_forward(x)
        return output


class ReformerEncoder(nn.Module):
    """The layers, and a norm over both streams side by side."""

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.dropout = config.hidden_dropout_prob
        self.layers = nn.ModuleList(ReformerLayer(config, index) for index in range(config.num_hidden_layers))
        self.layer_norm = nn.LayerNorm(2 * config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any = None, **hashing: Any) -> Tensor:
        """(B, T, D) -> (B, T, 2 * D)."""
        x, beside = through(self.layers, x, x, mask, cache, **hashing)  # type: ignore[arg-type]
        return dropout(self.layer_norm(torch.cat([beside, x], dim=-1)), self.dropout, self.training)
