"""The block of ConvBERT. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import BaseModelOutput
from ...modeling.encoder import EncoderAttention, EncoderCore, EncoderLayer, look_both_ways, text_positions
from ...modeling.encoder_config import EncoderConfig
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.init import Starting, constant, normal
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ..electra.model import ElectraEmbeddings, ElectraPreTrainedModel


class SeparableConv1D(Starting):
    """A convolution of each channel over neighbouring tokens, then a dense layer over channels."""

    def __init__(self, size: int, output_size: int, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(size, size, kernel_size, groups=size, padding=kernel_size // 2, bias=False)
        self.pointwise = nn.Conv1d(size, output_size, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(output_size, 1))
        self.starts = {"bias": constant(0.0)}

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, output_size)."""
        output: Tensor = (self.pointwise(self.depthwise(x.transpose(1, 2))) + self.bias).transpose(1, 2)
        return output


class ConvBertSelfAttention(HasHeads):
    """Heads that attend beside heads that convolve, by kernels made from each token and its neighbours."""

    dropout_name, calls_dropout = "dropout", True
    query_name = "query"

    def __init__(self, config: Any, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        size, heads = config.hidden_size, config.attention_heads
        self.head_dim, self.conv_kernel_size = size // heads // 2, config.conv_kernel_size
        half = heads * self.head_dim
        self.query, self.key, self.value = nn.Linear(size, half), nn.Linear(size, half), nn.Linear(size, half)
        self.key_conv_attn_layer = SeparableConv1D(size, half, self.conv_kernel_size)
        self.conv_kernel_layer = nn.Linear(half, heads * self.conv_kernel_size)
        self.conv_out_layer = nn.Linear(size, half)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob, cross=cross)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        query = self.query(x)
        source = x if memory is None else memory
        heads = (split_heads(states, self.head_dim) for states in (query, self.key(source), self.value(source)))
        attended = merge_heads(self.attend(*heads, mask))
        return torch.cat([attended, self.convolved(x, query)], dim=-1)

    def convolved(self, x: Tensor, query: Tensor) -> Tensor:
        """What the other heads give (B, T, H*K) of states (B, T, D) and queries (B, T, H*K)."""
        width = self.conv_kernel_size
        kernels = self.conv_kernel_layer(self.key_conv_attn_layer(x) * query)
        kernels = kernels.unflatten(-1, (-1, width)).softmax(dim=-1)  # (B, T, H, width)
        values = F.pad(self.conv_out_layer(x), (0, 0, width // 2, width // 2)).unfold(1, width, 1)
        values = values.unflatten(2, (-1, self.head_dim))  # (B, T, H, K, width)
        mixed: Tensor = (values @ kernels.unsqueeze(-1)).squeeze(-1).flatten(2)
        return mixed


class ConvBertAttention(EncoderAttention):
    """The first half of a block: both kinds of heads, then norm(residual + dense(x))."""

    self_class = ConvBertSelfAttention


class GroupedLinearLayer(Starting):
    """A dense layer of each of `groups` parts of the states."""

    def __init__(self, input_size: int, output_size: int, groups: int, deviation: float) -> None:
        super().__init__()
        self.input_size, self.output_size, self.num_groups = input_size, output_size, groups
        self.weight = nn.Parameter(torch.empty(groups, input_size // groups, output_size // groups))
        self.bias = nn.Parameter(torch.empty(output_size))
        self.starts = {"weight": normal(deviation), "bias": constant(0.0)}

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, input_size) -> (B, T, output_size)."""
        parts = x.unflatten(-1, (self.num_groups, -1)).unsqueeze(-2)
        output: Tensor = (parts @ self.weight).flatten(2) + self.bias
        return output


class ConvBertLayer(EncoderLayer):
    """norm(x + heads(x)), then norm(x + mlp(x))."""

    attention_class = ConvBertAttention

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        size, inner, groups = config.hidden_size, config.intermediate_size, config.num_groups
        if groups > 1:
            self.intermediate.add_module("dense", GroupedLinearLayer(size, inner, groups, config.initializer_range))
            self.output.add_module("dense", GroupedLinearLayer(inner, size, groups, config.initializer_range))


class ConvBertModel(ElectraPreTrainedModel, EncoderCore):
    """The encoder without a head. It is no decoder whatever its config says: convolutions look ahead."""

    embeddings_class, layer_class = ElectraEmbeddings, ConvBertLayer
    one_text_a_row = "its convolutions look to both sides"

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.word_embeddings, input_ids, attention_mask, inputs_embeds)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.embeddings(input_ids, token_type_ids, position_ids, words)
        if self.embeddings_project is not None:
            x = self.embeddings_project(x)
        return BaseModelOutput(last_hidden_state=self.encoder(x, mask, None))
