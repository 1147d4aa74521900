"""What of LongT5 is not T5: the attention of its encoder. Parameter names are the published ones."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput
from ...nn.attention import Attend, merge_heads, split_heads
from ...nn.init import normal
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.masks import Mask
from ...nn.relative import bucket
from ...nn.token_blocks import in_blocks, joined, with_neighbours
from ..t5.model import T5Attention, T5Block, T5Encoder, T5LayerNorm, T5LayerSelfAttention


@dataclass
class LongT5Mask(Mask):
    """Which tokens see each other in a text of T tokens, filled up to S slots, a whole number of blocks.

    Attributes:
        length: T. size: of a block; its tokens see those less than `size` away. real: (B, S), False for padding.
        summary_of: (B, S), the number of the summary that each token is part of, -1 for none.
        summaries: (B, G), True for those of G summaries that are of some tokens.
    """

    length: int = 0
    size: int = 1
    real: Tensor = field(default_factory=lambda: torch.ones(1, 0, dtype=torch.bool))
    summary_of: Tensor = field(default_factory=lambda: torch.zeros(1, 0, dtype=torch.long))
    summaries: Tensor = field(default_factory=lambda: torch.ones(1, 0, dtype=torch.bool))
    _blocks: Mask | None = field(default=None, repr=False, compare=False)

    @property
    def near(self) -> Mask:
        """The tokens of a block and the keys around it, each block's being the same: (1, 1, size, 3 * size)."""
        return Mask(self.size, 3 * self.size, self.device, first_query=self.size, window=self.size)

    @property
    def blocks(self) -> Mask:
        """What each block may look at, its neighbours' tokens, then summaries: (B * S / size, 1, size, 3 * size + G).

        Padding sees what no token is part of, as published; slots behind the text see all summaries. Computed once.
        """
        if self._blocks is None:
            real, size = self.real.unsqueeze(1), self.size
            allowed = with_neighbours(real.unsqueeze(-1), size).mT & in_blocks(real.unsqueeze(-1), size)
            window = self.near.allowed()
            allowed = allowed if window is None else allowed & window
            far = self.summaries[:, None, None, :] == real[:, :, : self.length, None]
            far = in_blocks(pad(far, (0, 0, 0, self.keys - self.length), value=True), size)
            dense = torch.cat([allowed, far], dim=-1)
            self._blocks = Mask(size, dense.shape[-1], self.device, dense=dense)
        return self._blocks


def longt5_mask(x: Tensor, attention_mask: Tensor | None, config: Any) -> LongT5Mask:
    """The mask of a text `x` (B, T, D); attention_mask (B, T) is not 0 for real tokens.

    Raises:
        InputError: a mask of another shape.
    """
    (batch, length), size, of = x.shape[:2], config.local_radius + 1, config.global_block_size
    if attention_mask is not None and (attention_mask.dim() != 2 or attention_mask.shape[1] != length):
        raise InputError(
            f"attention_mask has shape {tuple(attention_mask.shape)}; expected ({batch}, {length}): what tokens see of each"
            " other follows from local_radius"
        )
    real = x.new_ones(batch, length, dtype=torch.bool) if attention_mask is None else attention_mask != 0
    real = pad(real.expand(batch, -1), (0, (-length) % size))
    mask = LongT5Mask(real.shape[1], real.shape[1], x.device, window=size, padding=real, length=length, size=size, real=real)
    mask.summaries = real[:, :0]
    if config.encoder_attention_type == "transient-global":
        places, whole = real.cumsum(1) - 1, real.sum(1, keepdim=True) // of  # tokens left over join the last whole block
        mask.summary_of = torch.minimum(places // of, whole - 1).masked_fill(~real, -1)
        mask.summaries = torch.arange(length // of, device=x.device) < whole
    return mask


class LongT5Attend(Attend):
    """Softmax over the tokens that are near, and over summaries behind them.

    Recorded are, as published, the weights in each of N blocks, (B, N, H, size, 3 * size + G).
    """

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: LongT5Mask,
        bias: Tensor | None = None,
        need_weights: bool = False,
        summaries: tuple[Tensor, ...] = (),
    ) -> Any:
        """Queries, keys and values (B, H, S, K) and a bias (1 or B * S / size, H, size, 3 * size + G) -> (B, H, S, K).

        summaries: keys and values (B, H, G, K).
        """
        size, batch = mask.size, query.shape[0]
        key, value = with_neighbours(key, size), with_neighbours(value, size)
        if summaries:
            far = (each.repeat_interleave(mask.keys // size, dim=0) for each in summaries)
            key, value = (torch.cat(pair, dim=2) for pair in zip((key, value), far, strict=True))
        mixed: Any = super().forward(in_blocks(query, size), key, value, mask.blocks, bias, need_weights)
        if need_weights:
            mixed, weights = mixed
            return joined(mixed, batch), None if weights is None else weights.unflatten(0, (batch, -1))
        return joined(mixed, batch)


class LongT5LocalAttention(T5Attention):
    """Attention to the tokens at most `local_radius` away; distances have a bias each, as in T5."""

    def __init__(self, config: Any, layer_idx: int, is_decoder: bool, has_bias: bool = False) -> None:
        super().__init__(config, layer_idx, is_decoder, has_bias)
        self.attend = LongT5Attend(1.0, config.dropout_rate)

    def position_bias(self, mask: Mask) -> Tensor:
        """The bias of the queries of any block and the keys around it, (1, H, size, 3 * size)."""
        return super().position_bias(mask.near if isinstance(mask, LongT5Mask) else mask)

    def summaries(self, x: Tensor, mask: LongT5Mask) -> tuple[Tensor, ...]:
        """Keys and values (B, H, G, K) of what tokens see besides their neighbours; here nothing."""
        return ()

    def forward(  # type: ignore[override]
        self, x: Tensor, mask: LongT5Mask, cache: Any = None, *, bias: Tensor | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        bias = self.position_bias(mask) if bias is None and self.has_relative_attention_bias else bias
        x = pad(x, (0, 0, 0, mask.keys - mask.length))
        heads = (split_heads(project(x), self.head_dim) for project in (self.q, self.k, self.v))
        mixed = self.attend(*heads, mask, bias, summaries=self.summaries(x, mask))
        output: Tensor = self.o(merge_heads(mixed))[:, : mask.length]
        return output


class LongT5TransientGlobalAttention(LongT5LocalAttention):
    """The same, and to summaries of all blocks of the text: normed sums of their states, with biases of their own."""

    def __init__(self, config: Any, layer_idx: int, is_decoder: bool, has_bias: bool = False) -> None:
        super().__init__(config, layer_idx, is_decoder, has_bias)
        if has_bias:
            self.global_relative_attention_bias = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)
            start = normal(config.initializer_factor * config.d_model**-0.5)
            self.starts = {**self.starts, "global_relative_attention_bias.weight": start}
        self.global_input_layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)

    def position_bias(self, mask: Mask) -> Tensor:
        """Also of queries and summaries: (B * S / size, H, size, 3 * size + G)."""
        near = super().position_bias(mask)
        if not isinstance(mask, LongT5Mask):
            return near
        table, limit = self.global_relative_attention_bias, self.relative_attention_max_distance
        numbers = torch.arange(mask.summaries.shape[1], device=mask.device)
        steps = numbers - mask.summary_of[:, : mask.length, None]
        far = table(bucket(steps, table.num_embeddings, limit, both_ways=True)).permute(0, 3, 1, 2)
        far = in_blocks(pad(far, (0, 0, 0, mask.keys - mask.length)), mask.size)
        return torch.cat([near.expand(far.shape[0], -1, -1, -1), far], dim=-1)

    def summaries(self, x: Tensor, mask: LongT5Mask) -> tuple[Tensor, ...]:
        if not mask.summaries.shape[1]:
            return ()
        numbers = torch.arange(mask.summaries.shape[1], device=mask.device)
        parts = mask.summary_of[:, None, :] == numbers[:, None]
        return self.keys_values(self.global_input_layer_norm(parts.to(x.dtype) @ x))


class LongT5LayerLocalSelfAttention(T5LayerSelfAttention):
    """Attention to neighbours."""

    attention_class, attention_name = LongT5LocalAttention, "LocalSelfAttention"


class LongT5LayerTransientGlobalSelfAttention(T5LayerSelfAttention):
    """Attention to neighbours and to summaries."""

    attention_class, attention_name = LongT5TransientGlobalAttention, "TransientGlobalSelfAttention"


class LongT5Block(T5Block):
    """T5's; in an encoder with the attention that the config names."""

    encoder_attention: ClassVar[dict[str, type[T5LayerSelfAttention]]] = {
        "local": LongT5LayerLocalSelfAttention,
        "transient-global": LongT5LayerTransientGlobalSelfAttention,
    }

    def attention(self, config: Any, layer_idx: int, is_decoder: bool) -> T5LayerSelfAttention:
        if is_decoder:
            return super().attention(config, layer_idx, is_decoder)
        return self.encoder_attention[config.encoder_attention_type](config, layer_idx, is_decoder)


class LongT5Encoder(T5Encoder):
    """The encoder."""

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, inputs_embeds: Tensor | None = None
    ) -> BaseModelOutput:
        one_of(input_ids, inputs_embeds)
        warn_of_hidden_rows(attention_mask)
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        mask = longt5_mask(words, attention_mask, self.config)
        x = self.through_layers(self.embed(words, words), mask, bias=self.bias(mask))
        return BaseModelOutput(self.finish(x))
