"""The floor of BERT with rotary positions, as embedding models are: norms behind each half, a pooler where asked."""

from typing import ClassVar

from torch import Tensor, nn

from ..core.outputs import BaseModelOutputWithPooling
from ..nn.activations import activation
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.masks import Mask, decoder_positions
from ..nn.pooling import FirstTokenPooler, pool
from ..nn.rope import rotate_both
from .base import PreTrainedModel
from .encoder import EncoderEmbeddings, look_both_ways
from .recording import Stack
from .rotary import reach_of, rotary_modules, rotary_states
from .rotary_encoder_config import RotaryEncoderConfig


class RotaryEncoderEmbeddings(EncoderEmbeddings):
    """norm(word + segment)."""

    has_positions = False


class RotaryEncoderAttention(HasHeads):
    """Attention of a text to itself, whose queries and keys turn with their positions.

    Class attributes:
        bias: whether the projections have biases.
    """

    bias: ClassVar[bool] = True

    def __init__(self, config: RotaryEncoderConfig) -> None:
        super().__init__()
        self.head_dim, size = config.head_size, config.hidden_size
        heads = config.num_attention_heads * self.head_dim
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(size, heads, bias=self.bias) for _ in range(3))
        self.o_proj = nn.Linear(heads, size, bias=self.bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, mask: Mask, cache: None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_proj, self.k_proj, self.v_proj))
        query, key = rotate_both(query, key, *rotary)
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output


class GatedMLP(nn.Module):
    """down(act(gate(x)) * up(x)) (Shazeer 2020).

    Class attributes:
        output_bias: whether the last projection has a bias. drops: whether, in training, some of what it gets is left out.
    """

    output_bias: ClassVar[bool] = False
    drops: ClassVar[bool] = False

    def __init__(self, config: RotaryEncoderConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.hidden_size, self.intermediate_size = size, inner
        self.gate_proj, self.up_proj = nn.Linear(size, inner, bias=False), nn.Linear(size, inner, bias=False)
        self.down_proj, self.act_fn = nn.Linear(inner, size, bias=self.output_bias), activation(config.hidden_act)
        self.dropout = nn.Dropout(config.hidden_dropout_prob) if self.drops else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        output: Tensor = self.down_proj(self.dropout(self.act_fn(self.gate_proj(x)) * self.up_proj(x)))
        return output


class RotaryEncoderLayer(Layer):
    """norm(x + attention(x)), then norm(x + mlp(x)).

    Class attributes:
        attention_class, mlp_class: the two halves, built from the config.
    """

    attention_class: ClassVar[type[nn.Module]] = RotaryEncoderAttention
    mlp_class: ClassVar[type[nn.Module]] = GatedMLP

    def __init__(self, config: RotaryEncoderConfig) -> None:
        super().__init__()
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp, self.self_attn = self.mlp_class(config), self.attention_class(config)
        self.post_mlp_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.post_attention_dropout = nn.Dropout(config.hidden_dropout_prob)
        self.post_mlp_dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Mask, cache: None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        x = self.post_attention_layernorm(x + self.post_attention_dropout(self.self_attn(x, mask, cache, rotary=rotary)))
        output: Tensor = self.post_mlp_layernorm(x + self.post_mlp_dropout(self.mlp(x)))
        return output


class RotaryEncoderPreTrainedModel(PreTrainedModel):
    """What all classes of a family on this floor share."""

    stacks = {"": Stack("layers")}
    _optional_parts = [r"(^|\.)pooler\."]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"(^|\.)(original_)?inv_freq$",  # files of their first code hold what is computed here
    ]
    config: RotaryEncoderConfig


class RotaryEncoder(RotaryEncoderPreTrainedModel):
    """The encoder without a head.

    Class attributes:
        embeddings_class, layer_class: its parts, built from the config; what families exchange.

    Args:
        add_pooling_layer: also give `pooler_output`, made from the first real token.
    """

    embeddings_class: ClassVar[type[EncoderEmbeddings]] = RotaryEncoderEmbeddings
    layer_class: ClassVar[type[RotaryEncoderLayer]] = RotaryEncoderLayer
    _keys_to_ignore_on_load_unexpected = [
        *RotaryEncoderPreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"^pooler\.",
    ]

    def __init__(self, config: RotaryEncoderConfig, add_pooling_layer: bool = False) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.pooler = FirstTokenPooler(config.hidden_size) if add_pooling_layer else None
        self.layers = nn.ModuleList(self.layer_class(config) for _ in range(config.num_hidden_layers))
        self.rotary_emb = rotary_modules(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.word_embeddings, input_ids, attention_mask, inputs_embeds)
        position_ids = decoder_positions(words, attention_mask, position_ids, None, reach_of(self.rotary_emb))
        x = self.embeddings(input_ids, token_type_ids, position_ids, words)
        rotary = next(iter(rotary_states(self.rotary_emb, position_ids, x.dtype).values()), None)  # None: there are no layers
        for layer in self.layers:
            x = layer(x, mask, None, rotary=rotary)
        pooled = None if self.pooler is None else pool(self.pooler, x, mask.padding)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)
