"""The modules of Pixio. Parameter names are the published ones of files."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...loading.rules import rename
from ...modeling.backbone import PatchBackbone
from ...modeling.base import PreTrainedModel
from ...modeling.patch_attention import PatchAttention, PatchIntermediate, PatchOutput
from ...modeling.patch_embeddings import PatchEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.init import Starting, normal
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.patches import check_pixels, grid, stretch
from ...nn.stochastic_depth import StochasticDepth
from . import PixioConfig


class PixioEmbeddings(Starting):
    """Several class tokens and the patches, with learned positions for images of any size."""

    patch_size, n_cls_tokens = Alias("config.patch_size"), Alias("config.n_cls_tokens")

    def __init__(self, config: PixioConfig) -> None:
        super().__init__()
        size, leading = config.hidden_size, config.n_cls_tokens
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, leading, size))
        self.patch_embeddings = PatchEmbeddings(config)
        self.position_embeddings = nn.Parameter(torch.zeros(1, leading + self.patch_embeddings.num_patches, size))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.starts = dict.fromkeys(("cls_token", "position_embeddings"), normal(config.initializer_range))

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, T, D)."""
        config, leading = self.config, self.config.n_cls_tokens
        pixels = check_pixels(pixel_values, config.num_channels, config.patch_size, None)
        patches = self.patch_embeddings(pixels)
        trained, target = self.patch_embeddings.grid, grid(pixels.shape[-2:], config.patch_size)
        x = torch.cat((self.cls_token.expand(len(patches), -1, -1), patches), dim=1)
        output: Tensor = self.dropout(x + stretch(self.position_embeddings[0], trained, target, leading))
        return output


class PixioLayer(Layer):
    """x + attention(norm1(x)), then x + mlp(norm2(x)); in training whole halves are left out for some images."""

    def __init__(self, config: PixioConfig) -> None:
        super().__init__()
        self.attention = PatchAttention(config)
        self.norm1 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.norm2 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.intermediate = PatchIntermediate(config, config.hidden_size * config.mlp_ratio)
        self.output = PatchOutput(config.hidden_size * config.mlp_ratio, config)
        self.drop_path = StochasticDepth(config.drop_path_rate)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x), mask))
        output: Tensor = x + self.drop_path(self.output(self.intermediate(self.norm2(x))))
        return output


class PixioEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: PixioConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(PixioLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask) -> list[Tensor]:
        """States (B, T, D) -> they and those behind each block."""
        states = [x]
        for layer in self.layer:
            states.append(layer(states[-1], mask))
        return states


class PixioPreTrainedModel(PreTrainedModel):
    """What all Pixio classes share."""

    config_class = PixioConfig
    base_model_prefix = "pixio"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["PixioEmbeddings", "PixioLayer"]
    config: Any


class PixioModel(PixioPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: PixioConfig) -> None:
        super().__init__(config)
        self.embeddings = PixioEmbeddings(config)
        self.encoder = PixioEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def states(self, pixel_values: Tensor | None, attention_mask: Tensor | None) -> list[Tensor]:
        """The states (B, T, D) of the tokens, and those behind each block."""
        x = self.embeddings(pixel_values)
        states: list[Tensor] = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False))
        return states

    def forward(self, pixel_values: Tensor | None = None, attention_mask: Tensor | None = None) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X), of any size. attention_mask: (B, T), 0 for tokens to look away from; the class tokens come
            first. `pooler_output` is the mean of their states.
        """
        x = self.layernorm(self.states(pixel_values, attention_mask)[-1])
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x[:, : self.config.n_cls_tokens].mean(dim=1))


class PixioBackbone(PixioPreTrainedModel, PatchBackbone):
    """Pixio whose output is the maps of the blocks in `config.out_features`, through a norm that is not the model's."""

    base_model_prefix = "encoder"
    _optional_parts = [r"^encoder\.layernorm\."]  # it is not used
    # Files of a model alone; the second rule of each part mends what the first makes of those of a backbone.
    _weight_rules = tuple(
        rename(f"{stored}{part}.{{*}}", f"encoder.{part}.{{*}}", reverse=False)
        for part in ("encoder.layer", "embeddings")
        for stored in ("", "encoder.encoder.")
    )

    def __init__(self, config: PixioConfig) -> None:
        super().__init__(config)
        self.encoder = PixioModel(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()

    def forward(self, pixel_values: Tensor | None = None, attention_mask: Tensor | None = None) -> BackboneOutput:
        """The inputs are those of `PixioModel`."""
        states = self.encoder.states(pixel_values, attention_mask)
        return self.token_maps(states, pixel_values, self.config.n_cls_tokens, self.layernorm)
