"""The floor that DETR and its relatives stand on: maps of a backbone, layers whose queries and keys have positions added."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ..core.errors import InputError
from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.frozen_norm import freeze_batch_norms
from ..nn.inputs import warn_of_hidden_rows
from ..nn.layer import Layer, skipped
from ..nn.masks import Mask
from ..nn.part_order import put_last
from ..nn.patches import required
from ..nn.query_attention import QueryAttention
from .backbone import build_backbone
from .config import PreTrainedConfig


class DetectorBackbone(nn.Module):
    """The backbone, its batch norms frozen; layers behind its first go on learning (Carion et al. 2020, appendix A.4)."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.model = build_backbone(config.get("backbone_config"))
        freeze_batch_norms(self.model)
        self.model.requires_grad_(False)
        for stage in list(self.model.get_submodule(self.model.stacks[""].layers).children())[1:]:
            stage.requires_grad_(True)

    def forward(self, pixel_values: Tensor | None, pixel_mask: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        """(B, C, Y, X) and its mask (B, Y, X) -> feature maps (B, D, y, x), each with its mask (B, y, x), True where real."""
        pixels = required(pixel_values)
        maps = self.model(pixels, return_dict=True).feature_maps
        shape = (len(maps[0]), *pixels.shape[2:])
        if pixel_mask is None:
            pixel_mask = torch.ones(shape, device=maps[0].device)
        if pixel_mask.shape not in (shape, (1, *shape[1:])):
            raise InputError(f"pixel_mask has shape {tuple(pixel_mask.shape)}; expected {shape}, one number for each pixel")
        pixel_mask = pixel_mask.expand(shape)
        warn_of_hidden_rows(pixel_mask, "pixel_mask")
        mask = pixel_mask[:, None].float()
        return [(each, nn.functional.interpolate(mask, size=each.shape[-2:])[:, 0].bool()) for each in maps]


class DetectorAttention(QueryAttention):
    """Attention whose queries and keys have positions added; values have none.

    Class attributes: the fields of the config that hold its width and the share of weights that is dropped in training.
    """

    width_name: ClassVar[str] = "d_model"
    rate_name: ClassVar[str] = "attention_dropout"

    def __init__(self, config: PreTrainedConfig, heads: int, cross: bool = False) -> None:
        super().__init__(config.get(self.width_name), heads, config.get(self.rate_name), cross)


class DetectorLayer(Layer):
    """What the layers of encoder and decoder share: norm(x + attention(x)), and norm(x + mlp(x)).

    Class attributes:
        norm_first: norms stand before each half instead, x + attention(norm(x)).
        attention_class, cross_attention_class: what looks at the states themselves, and in a decoder at the encoder's.
        width_name, activation_name: the fields of the config that hold the width and the activation of the MLP.
    """

    width_name: ClassVar[str] = "d_model"
    activation_name: ClassVar[str] = "activation_function"
    norm_first: ClassVar[bool] = False
    attention_class: ClassVar[type[nn.Module]] = DetectorAttention
    cross_attention_class: ClassVar[type[nn.Module]] = DetectorAttention
    activation_fn = Alias("act")

    def __init__(self, config: PreTrainedConfig, heads: int, inner: int) -> None:
        super().__init__()
        size, eps = config.get(self.width_name), config.get("layer_norm_eps", 1e-5)
        self.self_attn = self.attention_class(config, heads)
        self.self_attn_layer_norm = nn.LayerNorm(size, eps)
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.final_layer_norm = nn.LayerNorm(size, eps)
        self.act = activation(config.get(self.activation_name))
        self.dropout, self.activation_dropout = config.get("dropout"), config.get("activation_dropout")

    def attention(self, x: Tensor, mask: Mask, positions: Tensor) -> Tensor:
        """The half of the layer in which `x` looks at itself."""
        return self.residual(x, self.self_attn_layer_norm, lambda x: self.self_attn(x + positions, x + positions, x, mask))

    def mlp(self, x: Tensor) -> Tensor:
        """The half of the layer with the MLP."""

        return self.residual(x, self.final_layer_norm, self.transform)

    def transform(self, x: Tensor) -> Tensor:
        """The MLP itself."""
        output: Tensor = self.fc2(dropout(self.act(self.fc1(x)), self.activation_dropout, self.training))
        return output

    def residual(self, x: Tensor, norm: nn.Module, run: Callable[[Tensor], Tensor]) -> Tensor:
        """norm(x + run(x)), or x + run(norm(x))."""
        if self.norm_first:
            return x + dropout(run(norm(x)), self.dropout, self.training)
        output: Tensor = norm(x + dropout(run(x), self.dropout, self.training))
        return output


class DetectorEncoderLayer(DetectorLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def forward(self, x: Tensor, mask: Mask, *, positions: Tensor) -> Tensor:
        return self.mlp(self.attention(x, mask, positions))


class DetectorDecoderLayer(DetectorLayer):
    """As in the encoder, with norm(x + attention to the encoder's states) between the halves."""

    def __init__(self, config: PreTrainedConfig, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        self.encoder_attn = self.cross_attention_class(config, heads, cross=True)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.get("d_model"))
        put_last(self, "fc1", "fc2", "final_layer_norm")

    def forward(
        self, x: Tensor, mask: Mask, *, positions: Tensor, memory: Tensor, memory_keys: Tensor, memory_mask: Mask
    ) -> Tensor:
        x = self.attention(x, mask, positions)
        look = lambda x: self.encoder_attn(x + positions, memory_keys, memory, memory_mask)  # noqa: E731
        return self.mlp(self.residual(x, self.encoder_attn_layer_norm, look))


class DetectorEncoder(nn.Module):
    """The stack of layers over the places of a feature map.

    Class attribute `final_norm`: whether a norm, `layernorm`, stands behind the layers.
    """

    layer_class: ClassVar[type[DetectorEncoderLayer]] = DetectorEncoderLayer
    final_norm: ClassVar[bool] = False

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        heads, inner = config.get("encoder_attention_heads"), config.get("encoder_ffn_dim")
        self.layers = nn.ModuleList(self.layer_class(config, heads, inner) for _ in range(config.get("encoder_layers")))
        self.dropout, self.layerdrop = config.get("dropout"), config.get("encoder_layerdrop")
        if self.final_norm:
            self.layernorm = nn.LayerNorm(config.get("d_model"))

    def forward(self, x: Tensor, mask: Mask, positions: Tensor) -> Tensor:
        """States (B, T, D) and their positions (B, T, D) -> (B, T, D)."""
        x = dropout(x, self.dropout, self.training)
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x = layer(x, mask, positions=positions)
        return self.layernorm(x) if self.final_norm else x


class DetectorDecoder(nn.Module):
    """The stack of layers over the queries; with `auxiliary_loss` it also gives the normed states behind every layer,
    `intermediate_hidden_states` (L, B, Q, D).

    These are what the next layer goes on with then, as in the published library; in the paper they are not.
    """

    dropout = Alias("config.dropout")
    layer_class: ClassVar[type[DetectorDecoderLayer]] = DetectorDecoderLayer

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        heads, inner = config.get("decoder_attention_heads"), config.get("decoder_ffn_dim")
        self.layers = nn.ModuleList(self.layer_class(config, heads, inner) for _ in range(config.get("decoder_layers")))
        self.layernorm = nn.LayerNorm(config.get("d_model"))
        self.layerdrop, self.norm_between = config.get("decoder_layerdrop"), config.get("auxiliary_loss")

    def forward(
        self, x: Tensor, mask: Mask, *, positions: Tensor, memory: Tensor, memory_positions: Tensor, memory_mask: Mask
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """States (B, Q, D), the encoder's (B, S, D) and positions of both -> states behind the last norm, and what else the
        model's output holds, by name."""
        keys = memory + memory_positions
        others = {"positions": positions, "memory": memory, "memory_keys": keys, "memory_mask": memory_mask}
        return self.run(x, lambda layer, x: layer(x, mask, **others))

    def run(self, x: Tensor, step: Callable[[nn.Module, Tensor], Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """`step` gives the states behind a layer, of it and the states before."""
        between = []
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x = step(layer, x)
                if self.norm_between:
                    x = self.layernorm(x)
                    between.append(x)
        return self.layernorm(x), {"intermediate_hidden_states": torch.stack(between)} if between else {}
