"""What of EmbeddingGemma 2's text half is not Llama. Parameter names are the published ones."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError
from ...core.outputs import BaseModelOutput
from ...modeling.decoder import RotaryDecoder
from ...modeling.normed_attention import NormedAttention
from ...modeling.recording import Stack
from ...modeling.told_layer import IsTold, project_to_layers
from ...nn.attention import LayerCache
from ...nn.init import Starting, constant
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.masks import Mask
from ...nn.norm import FullPrecisionRMSNorm
from ...nn.part_order import put_last
from ..llama.model import LlamaDecoderLayer, LlamaPreTrainedModel
from . import EmbeddingGemma2TextConfig


class EmbeddingGemma2Attention(NormedAttention):
    """Attention of a text to itself, both ways."""

    is_causal = False

    def __init__(self, config: EmbeddingGemma2TextConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        put_last(self, "q_norm", "k_norm", "v_norm")


class EmbeddingGemma2TextPLEBlock(IsTold):
    """What a layer is told of tokens, beside its two halves."""

    def __init__(self, config: EmbeddingGemma2TextConfig) -> None:
        super().__init__()
        self.hidden_size, self.hidden_size_per_layer_input = config.hidden_size, config.hidden_size_per_layer_input
        self.add_told(self.hidden_size, self.hidden_size_per_layer_input, config)

    def forward(self, x: Tensor, per_layer_input: Tensor) -> Tensor:
        """States (B, T, D) and what the layer is told of their tokens (B, T, P) -> (B, T, D)."""
        return self.told(x, per_layer_input)


class EmbeddingGemma2TextPLE(nn.Module):
    """Makes of the embeddings of tokens what each layer is told of them."""

    def __init__(self, config: EmbeddingGemma2TextConfig) -> None:
        super().__init__()
        self.num_hidden_layers, width = config.num_hidden_layers, config.hidden_size_per_layer_input
        self.hidden_size_per_layer_input = width
        self.per_layer_model_projection = nn.Linear(config.hidden_size, self.num_hidden_layers * width, bias=False)
        self.per_layer_projection_norm = FullPrecisionRMSNorm(width, config.rms_norm_eps)

    def forward(self, embeds: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, L, P)."""
        return project_to_layers(
            self.per_layer_model_projection, self.per_layer_projection_norm, embeds, self.num_hidden_layers
        )


class EmbeddingGemma2EncoderLayer(LlamaDecoderLayer, Starting):
    """Gemma 3's block; then what the layer is told of each token; then all of it times `layer_scalar`."""

    starts = {"layer_scalar": constant(1)}
    order = "hidden_states per_layer_input attention_mask position_embeddings"
    attention_class = EmbeddingGemma2Attention
    norm_class = FullPrecisionRMSNorm
    norm_names = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")

    def __init__(self, config: EmbeddingGemma2TextConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.register_buffer("layer_scalar", torch.ones(1))
        self.ple_block = EmbeddingGemma2TextPLEBlock(config)

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, per_layer_input: Tensor | None = None, **positions: Any
    ) -> Tensor:
        """per_layer_input (B, T, P): what the layer is told of each token."""
        if per_layer_input is None:
            raise ArgumentError("this layer is told of each token; pass per_layer_input, its part of what `ple` gives")
        x = super().forward(x, mask, cache, **positions)
        told: Tensor = self.ple_block(x, per_layer_input) * self.get_buffer("layer_scalar")
        return told


class EmbeddingGemma2TextModel(RotaryDecoder, LlamaPreTrainedModel):
    """The encoder and the projection behind it; the mean of what comes out is the embedding of a text."""

    layer_class, both_ways, packs = EmbeddingGemma2EncoderLayer, True, False
    norm_class = FullPrecisionRMSNorm
    stacks = {"": Stack("layers", "embedding_projection")}
    config: EmbeddingGemma2TextConfig

    def embedding_scale(self, config: EmbeddingGemma2TextConfig) -> float:
        return float(config.hidden_size**0.5)

    def add_final(self, config: EmbeddingGemma2TextConfig) -> None:
        self.norm = self.make_norm(config)
        self.ple = EmbeddingGemma2TextPLE(config)
        self.embedding_projection = nn.Linear(config.hidden_size, config.embedding_dim, bias=False)

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.embedding_projection(self.norm(x))
        return output

    def to_either_side(self, window: int) -> int:
        return window + 1

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        warn_of_hidden_rows(attention_mask)
        one_of(input_ids, inputs_embeds)
        embeds = cast(Tensor, inputs_embeds) if input_ids is None else self.embed(input_ids)
        output = self.decode(
            None,
            attention_mask,
            position_ids=position_ids,
            inputs_embeds=embeds,
            use_cache=False,
            by_layer=[{"per_layer_input": told} for told in self.ple(embeds).unbind(2)],
        )
        return BaseModelOutput(last_hidden_state=output.last_hidden_state)
