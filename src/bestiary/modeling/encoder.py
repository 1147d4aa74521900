"""The floor that BERT and its relatives stand on: a norm behind each half of a block, learned positions, segments, a pooler."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.logging import warn_once
from ..core.outputs import BaseModelOutputWithPast, BaseModelOutputWithPoolingAndCrossAttentions
from ..loading.rules import rename
from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ..nn.block import Block
from ..nn.embeddings import LearnedPositions, TextEmbeddings, numbered
from ..nn.inputs import one_of, warn_of_hidden_rows
from ..nn.kernels import default_scaling
from ..nn.layer import Layer, LayerStack, in_chunks
from ..nn.masks import Mask, make_mask, slots_of_text
from ..nn.part_order import put_last
from ..nn.place_buffers import PlaceBuffer
from ..nn.pooling import FirstTokenPooler, pool
from ..nn.rope import rotate, rotate_both
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .cross_attention import look_at
from .encoder_config import EncoderConfig
from .pruning import HeadWeights
from .recording import Stack

# The published parameters of a block, in their order.
ENCODER_ORDER = "hidden_states attention_mask encoder_hidden_states encoder_attention_mask past_key_values"


class EncoderEmbeddings(TextEmbeddings):
    """norm(word + segment + position), as wide as `embedding_size` where the config declares one.

    Class attributes:
        has_positions, has_segments, has_norm: False where a family has none.
        positions_last: whether their table stands behind all others.
    """

    has_positions: ClassVar[bool] = True
    has_segments: ClassVar[bool] = True
    has_norm: ClassVar[bool] = True
    positions_last: ClassVar[bool] = False
    padding_idx = Alias("word_embeddings.padding_idx")
    token_type_ids = PlaceBuffer(counts=False)

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.declared("embedding_size", config.hidden_size)
        self.word_embeddings = nn.Embedding(config.vocab_size, size, config.padding_row)
        if self.has_positions:
            self.position_embeddings = LearnedPositions(config.max_position_embeddings, size, config.first_position)
        segments = config.type_vocab_size if self.has_segments else 0
        self.token_type_embeddings = nn.Embedding(segments, size) if segments else None
        if self.has_norm:
            self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        if self.positions_last:
            put_last(self, "position_embeddings")
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def joined(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        x = self.summed(words, token_type_ids, position_ids)
        output: Tensor = self.dropout(self.LayerNorm(x) if self.has_norm else x)
        return output

    def summed(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        """The sum alone, (B, T, D)."""
        x = words
        if self.token_type_embeddings is not None:
            types = words.new_zeros(1, dtype=torch.long) if token_type_ids is None else token_type_ids
            x = x + self.token_type_embeddings(types)
        if self.has_positions:
            x = x + self.position_embeddings(position_ids)
        return x


class EncoderSelfAttention(HasHeads):
    """Attention of a text to itself, or, as cross-attention, to an encoder's states (`memory`).

    Projections have biases, unless the config declares `use_bias` and says no.
    """

    dropout_name = "dropout"
    query_name = "query"

    def __init__(self, config: EncoderConfig, layer_idx: int = 0, cross: bool = False) -> None:
        super().__init__()
        size, bias = config.hidden_size, config.declared("use_bias", True)
        self.layer_idx, self.head_dim = layer_idx, size // config.num_attention_heads
        self.is_causal = config.is_decoder and not cross
        self.query, self.key, self.value = (nn.Linear(size, size, bias=bias) for _ in range(3))
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob, cross=cross)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        return split_heads(self.key(x), self.head_dim), split_heads(self.value(x), self.head_dim)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        return merge_heads(self.attend(split_heads(self.query(x), self.head_dim), key, value, mask))


class RotarySelfAttention(EncoderSelfAttention):
    """The same where queries and keys turn with their positions; an encoder's states (`memory`) do not.

    Class attributes:
        interleaved: whether the pairs that turn are neighbours. turns_values: whether values turn too.
    """

    interleaved: bool = False
    turns_values: bool = False

    def forward(
        self,
        x: Tensor,
        mask: Mask | None,
        cache: Any,
        *,
        memory: Tensor | None = None,
        rotary: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        if rotary is None or memory is not None:
            return super().forward(x, mask, cache, memory=memory)
        query, (key, value) = split_heads(self.query(x), self.head_dim), self.keys_values(x)
        query, key = rotate_both(query, key, *rotary, self.interleaved)
        if self.turns_values:
            value = rotate(value, *rotary, self.interleaved)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        return merge_heads(self.attend(query, key, value, mask))


class EncoderOutput(nn.Module):
    """norm(input_tensor + dense(hidden_states)), the end of each half of a block.

    Args:
        size: the width of hidden_states, by default the MLP's.
    """

    def __init__(self, config: EncoderConfig, size: int | None = None) -> None:
        super().__init__()
        self.dense = nn.Linear(config.intermediate_size if size is None else size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dropout(self.dense(hidden_states)) + input_tensor)
        return output


class EncoderSelfOutput(EncoderOutput):
    """The end of the first half, where x is as wide as the states."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config, config.hidden_size)


class EncoderAttention(Block):
    """The first half of a block: attention, then norm(residual + dense(x)).

    Class attributes:
        self_class: the attention, built from the config, the layer's number and whether it looks at an encoder.
    """

    order, gives = ENCODER_ORDER, "attentions"
    self_class: ClassVar[type[nn.Module]] = EncoderSelfAttention
    is_causal = Alias("self.is_causal")

    def __init__(self, config: EncoderConfig, layer_idx: int = 0, cross: bool = False) -> None:
        super().__init__()
        self.is_cross_attention, self.self = cross, self.self_class(config, layer_idx, cross)
        self.output = EncoderSelfOutput(config)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None, **positions: Any) -> Tensor:
        output: Tensor = self.output(self.self(x, mask, cache, memory=memory, **positions), x)
        return output


class EncoderIntermediate(nn.Module):
    """act(dense(x)), the inner layer of the MLP."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.intermediate_act_fn = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.intermediate_act_fn(self.dense(hidden_states))


class EncoderLayer(Layer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x)).

    Class attributes:
        attention_class: the first half of the block, built from the config and the layer's number.
        output_class: the end of the second half, built from the config and the width of the MLP.
    """

    order = ENCODER_ORDER
    seq_len_dim = 1
    attention_class: ClassVar[type[nn.Module]] = EncoderAttention
    is_causal = Alias("attention.is_causal")
    output_class: ClassVar[type[nn.Module]] = EncoderOutput
    is_decoder, add_cross_attention = Alias("config.is_decoder"), Alias("config.add_cross_attention")

    def __init__(self, config: EncoderConfig, layer_idx: int = 0) -> None:
        super().__init__()
        self.chunk_size_feed_forward = config.chunk_size_feed_forward
        self.attention = self.attention_class(config, layer_idx)
        self.crossattention = self.attention_class(config, layer_idx, cross=True) if config.add_cross_attention else None
        self.intermediate = EncoderIntermediate(config)
        self.output = self.output_class(config, config.intermediate_size)

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any,
        *,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
        **positions: Any,
    ) -> Tensor:
        x = self.attention(x, mask, cache, **positions)
        if self.crossattention is not None and memory is not None:
            x = self.crossattention(x, memory_mask, cache, memory=memory)
        return in_chunks(self.feed_forward_chunk, x, self.chunk_size_feed_forward)

    def feed_forward_chunk(self, attention_output: Tensor) -> Tensor:
        """The second half of the block."""
        output: Tensor = self.output(self.intermediate(attention_output), attention_output)
        return output


class EncoderPooler(FirstTokenPooler):
    """tanh(dense(x)) of the first token's state."""

    def __init__(self, config: Any) -> None:
        super().__init__(config.hidden_size)


class EncoderStack(LayerStack):
    """The blocks, one after another."""

    order, wraps = ENCODER_ORDER, BaseModelOutputWithPast
    is_causal = Alias("config.is_decoder")

    def __init__(self, config: Any, layer_class: type[Layer] = EncoderLayer) -> None:
        super().__init__()
        self.layer = nn.ModuleList(layer_class(config, i) for i in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask, cache, **context)
        return x


def text_positions(
    config: PreTrainedConfig, words: Tensor, ids: Tensor | None, attention_mask: Tensor | None, cache: Any = None
) -> Tensor:
    """Position ids (B or 1, T) of `words` (B, T, D): padding is not counted; their `ids` (B, T) may say where it is.

    Where an encoder's positions begin at 0, they count slots from the first real token on, as published: losses over places
    (question answering) read the states of padding behind a text too.
    """
    if cache is None and not config.first_position and not config.declared("is_decoder", False):
        return slots_of_text(attention_mask, words.shape[1], words.device)
    return numbered(config.first_position, words, ids, attention_mask, 0 if cache is None else cache.position())


def look_both_ways(
    table: nn.Module, input_ids: Tensor | None, attention_mask: Tensor | None, inputs_embeds: Tensor | None
) -> tuple[Tensor, Mask]:
    """What a model that is an encoder only begins with: the embedded words (B, T, D), by `table`, and the mask over them."""
    one_of(input_ids, inputs_embeds)
    warn_of_hidden_rows(attention_mask)
    words = table(input_ids) if inputs_embeds is None else inputs_embeds
    return words, make_mask(words.shape[1], words.device, attention_mask, causal=False)


class EncoderPreTrainedModel(PreTrainedModel):
    """What all classes of a family on this floor share."""

    stacks = {"": Stack("encoder.layer")}
    head_weights: ClassVar[HeadWeights | None] = HeadWeights(
        ("attention.self.query", "attention.self.key", "attention.self.value"), "attention.output.dense"
    )
    _optional_parts = [r"(^|\.)pooler\."]
    _weight_rules = (
        rename("LayerNorm.gamma", "LayerNorm.weight", reverse=False),  # as the TensorFlow release called them
        rename("LayerNorm.beta", "LayerNorm.bias", reverse=False),
    )
    config: EncoderConfig


class EncoderCore(EncoderPreTrainedModel):
    """The encoder (or, with `config.is_decoder`, decoder) without a head; `encode` is its forward, in whatever order.

    Class attributes:
        embeddings_class, layer_class, stack_class, pooler_class: its parts, built from the config; what relatives exchange.

    Args:
        add_pooling_layer: also give `pooler_output`, made from the first real token.
    """

    embeddings_class: ClassVar[type[EncoderEmbeddings]] = EncoderEmbeddings
    layer_class: ClassVar[type[EncoderLayer]] = EncoderLayer
    stack_class: ClassVar[type[EncoderStack]] = EncoderStack
    pooler_class: ClassVar[type[nn.Module]] = EncoderPooler
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\."]

    def __init__(self, config: EncoderConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        width = config.declared("embedding_size", config.hidden_size)
        self.embeddings_project = None if width == config.hidden_size else nn.Linear(width, config.hidden_size)
        self.encoder = self.stack_class(config, self.layer_class)
        self.pooler = self.pooler_class(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def positions(self, words: Tensor, ids: Tensor | None, attention_mask: Tensor | None, cache: Any) -> Tensor:
        """Position ids (B or 1, T) where the caller has none."""
        return text_positions(self.config, words, ids, attention_mask, cache)

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, Any]:
        """What all layers are called with besides states (B, T, D), mask and cache, such as cosines and sines, `rotary`."""
        return {}

    def through_layers(self, x: Tensor, mask: Mask, cache: Any, **shared: Any) -> Tensor:
        """States (B, T, D) behind all layers."""
        output: Tensor = self.encoder(x, mask, cache, **shared)
        return output

    def encode(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        encoder_hidden_states (B, S, D) and encoder_attention_mask (B, S): what a decoder with cross-attention looks at.
        """
        one_of(input_ids, inputs_embeds)
        decoder = self.config.is_decoder
        if not decoder:
            warn_of_hidden_rows(attention_mask)
            if past_key_values is not None or encoder_hidden_states is not None:
                warn_once(
                    "bidirectional",
                    "encoder_hidden_states and past_key_values are for decoders (config.is_decoder=True), and this model looks"
                    " both ways: the former are left out, the latter filled",
                )
            encoder_hidden_states = None
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(past_key_values, use_cache) if decoder or past_key_values is not None else None
        memory_mask, cache = look_at(self, encoder_hidden_states, encoder_attention_mask, words, cache)
        mask = make_mask(words.shape[1], words.device, attention_mask, cache=cache, causal=decoder)
        if position_ids is None:
            position_ids = self.positions(words, input_ids, attention_mask, cache)
        x = self.embeddings(input_ids, token_type_ids, position_ids, words)
        if self.embeddings_project is not None:
            x = self.embeddings_project(x)
        shared = self.shared(x, position_ids)
        x = self.through_layers(x, mask, cache, memory=encoder_hidden_states, memory_mask=memory_mask, **shared)
        real = mask.real_queries
        pooled = None if self.pooler is None else pool(self.pooler, x, None if real is None else real.squeeze(-1))
        return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=x, pooler_output=pooled, past_key_values=cache)


class Encoder(EncoderCore):
    """The same with BERT's order of inputs."""

    forward = EncoderCore.encode
