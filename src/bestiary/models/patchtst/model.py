"""The modules of PatchTST. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.patched_series import PatchAttention, PatchedSeriesModel, PatchPositions, StepNorm
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.init import normal
from ...nn.layer import Layer
from ...nn.part_order import put_last
from . import PatchTSTConfig


@dataclass
class PatchTSTModelOutput(ModelOutput):
    """`last_hidden_state` (B, C, P, D); `patch_input` (B, C, P, length) and its `mask` (B, C, P); `loc`, `scale` (B, 1, C)."""

    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    mask: Tensor | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None
    patch_input: Tensor | None = None


class PatchTSTAttention(PatchAttention):
    """Attention of states (R, T, D) to themselves."""


class PatchTSTFeedForward(nn.ModuleDict):
    """3(act(0(x))), under the numbers that the layers have in published files."""

    def __init__(self, config: PatchTSTConfig) -> None:
        sizes = config.d_model, config.ffn_dim
        super().__init__({"0": nn.Linear(*sizes, bias=config.bias), "3": nn.Linear(*sizes[::-1], bias=config.bias)})
        self.act, self.dropout = activation(config.activation_function), config.ff_dropout

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self["3"](nn.functional.dropout(self.act(self["0"](x)), self.dropout, self.training))
        return output


class PatchTSTEncoderLayer(Layer):
    """Attention between patches, perhaps between series, then an MLP; a norm before each, or behind each sum."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__()
        self.self_attn = PatchTSTAttention(config.d_model, config.num_attention_heads, config.attention_dropout)
        self.norm_sublayer1 = self.norm(config)
        self.norm_sublayer2 = self.norm(config) if config.channel_attention else None
        self.ff = PatchTSTFeedForward(config)
        self.norm_sublayer3 = self.norm(config)
        self.pre_norm, self.path_dropout = config.pre_norm, config.path_dropout

    def norm(self, config: PatchTSTConfig) -> nn.Module:
        """A norm as the config says."""
        kind = StepNorm if config.norm_type == "batchnorm" else nn.LayerNorm
        return kind(config.d_model, eps=config.norm_eps)

    def add(self, x: Tensor, branch: Any, norm: nn.Module) -> Tensor:
        """x + branch(norm(x)), or norm(x + branch(x))."""
        change = nn.functional.dropout(branch(norm(x) if self.pre_norm else x), self.path_dropout, self.training)
        output: Tensor = x + change if self.pre_norm else norm(x + change)
        return output

    def between_series(self, x: Tensor) -> Tensor:
        """Attention of the series (B, C, T, D) at each place."""
        places = x.transpose(1, 2)
        mixed: Tensor = self.self_attn(places.flatten(0, 1), recorded=False)
        return mixed.view(places.shape).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, D) -> (B, C, T, D)."""
        x = self.add(x, lambda x: self.self_attn(x.flatten(0, 1)).view(x.shape), self.norm_sublayer1)
        if self.norm_sublayer2 is not None:
            x = self.add(x, self.between_series, self.norm_sublayer2)
        return self.add(x, self.ff, self.norm_sublayer3)


class PatchTSTPreTrainedModel(PreTrainedModel):
    """What all PatchTST classes share."""

    config_class = PatchTSTConfig
    base_model_prefix = "model"
    main_input_name = "past_values"
    stacks = {"": Stack("encoder.layers", complete=False)}
    _no_split_modules = ["PatchTSTEncoderLayer"]
    config: Any


class PatchTSTEmbedding(nn.Module):
    """Patches (B, C, P, length) -> states (B, C, P, D), by one projection or one for each series."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__()
        count = 1 if config.share_embedding else config.num_input_channels
        tables = [nn.Linear(config.patch_length, config.d_model) for _ in range(count)]
        self.input_embedding = tables[0] if config.share_embedding else nn.ModuleList(tables)

    def forward(self, patch_input: Tensor) -> Tensor:
        if isinstance(self.input_embedding, nn.Linear):
            output: Tensor = self.input_embedding(patch_input)
            return output
        return torch.stack(
            [table(part) for table, part in zip(self.input_embedding, patch_input.unbind(1), strict=True)], dim=1
        )


class PatchTSTPositionalEncoding(PatchPositions):
    """Adds positions, and puts a class token in front, which has the first of them."""

    def __init__(self, config: PatchTSTConfig) -> None:
        count = config.patch_count + config.use_cls_token
        super().__init__(config.positional_encoding_type, count, config.d_model)
        self.dropout = config.positional_dropout
        self.cls_token = nn.Parameter(torch.empty(1, 1, 1, config.d_model)) if config.use_cls_token else None
        if config.use_cls_token:
            self.starts = {**self.starts, "cls_token": normal(0.02)}
            put_last(self, "position_enc")

    def forward(self, patch_input: Tensor) -> Tensor:
        """(B, C, P, D) -> (B, C, P or P + 1, D)."""
        patches = patch_input + self.position_enc[-patch_input.shape[2] :]
        patches = nn.functional.dropout(patches, self.dropout, self.training)
        if self.cls_token is None:
            return patches
        token = self.cls_token + self.position_enc[:1]
        return torch.cat([token.expand(*patch_input.shape[:2], -1, -1), patches], dim=2)


class PatchTSTEncoder(PatchTSTPreTrainedModel):
    """Embedding, positions and layers."""

    stacks = {"": Stack("layers", complete=False)}

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.embedder = PatchTSTEmbedding(config)
        self.positional_encoder = PatchTSTPositionalEncoding(config)
        self.layers = nn.ModuleList(PatchTSTEncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, patch_input: Tensor) -> BaseModelOutput:
        """patch_input: (B, C, P, length)."""
        x = self.positional_encoder(self.embedder(patch_input))
        for layer in self.layers:
            x = layer(x)
        return BaseModelOutput(x)


class PatchTSTModel(PatchedSeriesModel, PatchTSTPreTrainedModel):
    """The encoder without a head; with `config.do_mask_input` some patches are hidden."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config, bool(config.do_mask_input))
        self.encoder = PatchTSTEncoder(config)

    def forward(self, past_values: Tensor | None = None, past_observed_mask: Tensor | None = None) -> PatchTSTModelOutput:
        """past_values: (B, context_length, C), missing ones 0. past_observed_mask: the same, 0 where a value is missing."""
        patches = self.patches(past_values, past_observed_mask)
        x = self.encoder(patches.read, return_dict=True).last_hidden_state
        return PatchTSTModelOutput(x, mask=patches.mask, loc=patches.loc, scale=patches.scale, patch_input=patches.whole)
