"""The modules of DINOv3's transformers. Parameter names are those of the published modules."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...loading.rules import rename
from ...modeling.backbone import PatchBackbone
from ...modeling.base import PreTrainedModel
from ...modeling.patch_embeddings import with_mask_token
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.init import Starting, constant, normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.patches import check_pixels, grid, required
from ...nn.rope import rotate_both
from ...nn.stochastic_depth import StochasticDepth
from ..dinov2.model import Dinov2LayerScale
from . import DINOv3ViTConfig

Angles = tuple[Tensor, Tensor]


class DINOv3ViTEmbeddings(Starting):
    """The class token, registers, and the patches, some of them replaced by a mask token. None has a learned position."""

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.num_register_tokens, size))
        self.patch_embeddings = nn.Conv2d(config.num_channels, size, config.patch_size, stride=config.patch_size)
        self.starts = dict.fromkeys(("cls_token", "register_tokens"), normal(config.initializer_range))
        self.starts["mask_token"] = constant(0.0)

    def forward(self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None) -> Tensor:
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, T, D)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, self.config.patch_size, None)
        x = self.patch_embeddings(pixels.to(self.patch_embeddings.weight.dtype)).flatten(2).transpose(1, 2)
        x = with_mask_token(x, bool_masked_pos, self.mask_token)
        return torch.cat((self.cls_token.expand(len(x), -1, -1), self.register_tokens.expand(len(x), -1, -1), x), dim=1)


class DINOv3ViTRopePositionEmbedding(nn.Module):
    """Cosines and sines of the angles by which queries and keys of patches turn. No parameters."""

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        self.config, self.head_dim = config, config.hidden_size // config.num_attention_heads

    @property
    def inv_freq(self) -> Tensor:
        """The speeds (K/4) by which places in -1..1 become half turns."""
        return self.config.rope_theta ** -torch.arange(0, 1, 4 / self.head_dim, dtype=torch.float32)

    def places(self, rows: int, columns: int, device: torch.device) -> Tensor:
        """Row and column of each patch (patches, 2), its middle, in -1..1; in training moved and stretched at random."""
        steps = [(torch.arange(0.5, count, dtype=torch.float32, device=device) / count) for count in (rows, columns)]
        places = 2 * torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).flatten(0, 1) - 1
        if self.training:
            shift, jitter, rescale = (self.config.get(f"pos_embed_{name}") for name in ("shift", "jitter", "rescale"))
            if shift is not None:
                places = places + drawn(2, shift, places)
            if jitter is not None:
                places = places * drawn(2, math.log(jitter), places).exp()
            if rescale is not None:
                places = places * drawn(1, math.log(rescale), places).exp()
        return places

    def forward(self, pixel_values: Tensor) -> Angles:
        """Images (B, C, Y, X) -> cos and sin (patches, K)."""
        places = self.places(*grid(pixel_values.shape[-2:], self.config.patch_size), pixel_values.device)
        angles = (2 * math.pi * places[:, :, None] * self.inv_freq.to(places.device)).flatten(1).tile(2)
        return angles.cos().to(pixel_values.dtype), angles.sin().to(pixel_values.dtype)


def drawn(count: int, bound: float, like: Tensor) -> Tensor:
    """`count` numbers from -`bound` to `bound`."""
    return torch.empty(count, dtype=like.dtype, device=like.device).uniform_(-bound, bound)


class DINOv3ViTAttention(HasHeads):
    """Every token looks at every token; queries and keys of patches are turned by their places."""

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.k_proj = nn.Linear(size, size, bias=config.key_bias)
        self.v_proj = nn.Linear(size, size, bias=config.value_bias)
        self.q_proj = nn.Linear(size, size, bias=config.query_bias)
        self.o_proj = nn.Linear(size, size, bias=config.proj_bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(self, x: Tensor, mask: Mask | None, *, rotary: Angles) -> Tensor:
        """States (B, T, D), cos and sin of the patches, which come last -> (B, T, D)."""
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_proj, self.k_proj, self.v_proj))
        first = x.shape[1] - rotary[0].shape[0]
        cos, sin = (each[None] for each in rotary)
        turned = rotate_both(query[:, :, first:], key[:, :, first:], cos, sin)
        query, key = (torch.cat((a[:, :, :first], b), dim=2) for a, b in zip((query, key), turned, strict=True))
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output


class DINOv3ViTMLP(nn.Module):
    """down(act(up(x)))."""

    is_gated: ClassVar[bool] = False
    hidden_size, intermediate_size = Alias("up_proj.in_features"), Alias("up_proj.out_features")

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        size, inner, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        if self.is_gated:
            self.gate_proj = nn.Linear(size, inner, bias=bias)
        self.up_proj, self.down_proj = nn.Linear(size, inner, bias=bias), nn.Linear(inner, size, bias=bias)
        self.act_fn = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up_proj(x)
        output: Tensor = self.down_proj(self.act_fn(self.gate_proj(x)) * up if self.is_gated else self.act_fn(up))
        return output


class DINOv3ViTGatedMLP(DINOv3ViTMLP):
    """down(act(gate(x)) * up(x)) (Shazeer 2020)."""

    is_gated = True


class DINOv3ViTLayer(Layer):
    """x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x))."""

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.attention = DINOv3ViTAttention(config)
        self.layer_scale1 = Dinov2LayerScale(config)
        self.drop_path = StochasticDepth(config.drop_path_rate)
        self.norm2 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = (DINOv3ViTGatedMLP if config.use_gated_mlp else DINOv3ViTMLP)(config)
        self.layer_scale2 = Dinov2LayerScale(config)

    def forward(self, x: Tensor, mask: Mask, *, rotary: Angles) -> Tensor:
        x = x + self.drop_path(self.layer_scale1(self.attention(self.norm1(x), mask, rotary=rotary)))
        output: Tensor = x + self.drop_path(self.layer_scale2(self.mlp(self.norm2(x))))
        return output


class DINOv3ViTEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(DINOv3ViTLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask, rotary: Angles) -> list[Tensor]:
        """States (B, T, D) -> they and those behind each block."""
        states = [x]
        for layer in self.layer:
            states.append(layer(states[-1], mask, rotary=rotary))
        return states


class DINOv3ViTPreTrainedModel(PreTrainedModel):
    """What both DINOv3 classes share: tokens, blocks and the last norm."""

    config_class = DINOv3ViTConfig
    base_model_prefix = "dinov3_vit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("model.layer")}
    _no_split_modules = ["DINOv3ViTEmbeddings", "DINOv3ViTLayer"]
    _weight_rules = (rename("layer.{}.{*}", "model.layer.{}.{*}"),)
    config: DINOv3ViTConfig

    def __init__(self, config: DINOv3ViTConfig) -> None:
        super().__init__(config)
        self.embeddings = DINOv3ViTEmbeddings(config)
        self.rope_embeddings = DINOv3ViTRopePositionEmbedding(config)
        self.model = DINOv3ViTEncoder(config)
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def states(self, pixel_values: Tensor | None, places: Tensor | None, attention_mask: Tensor | None) -> list[Tensor]:
        """The states of all tokens before the blocks and behind each."""
        x = self.embeddings(pixel_values, places)
        cos, sin = self.rope_embeddings(required(pixel_values))
        states: list[Tensor] = self.model(
            x, make_mask(x.shape[1], x.device, attention_mask, causal=False), (cos.to(x.dtype), sin.to(x.dtype))
        )
        return states


class DINOv3ViTModel(DINOv3ViTPreTrainedModel):
    """The encoder without a head."""

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X), of any size. bool_masked_pos: (B, patches), True where a patch is replaced by the mask
            token. attention_mask: (B, T), 0 for tokens to look away from; the class token comes first, then the registers.
        """
        x = self.norm(self.states(pixel_values, bool_masked_pos, attention_mask)[-1])
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x[:, 0])


class DINOv3ViTBackbone(DINOv3ViTPreTrainedModel, PatchBackbone):
    """DINOv3 whose output is the maps of the blocks in `config.out_features`."""

    config: DINOv3ViTConfig

    def forward(self, pixel_values: Tensor | None = None, *, attention_mask: Tensor | None = None) -> BackboneOutput:
        """The inputs are those of `DINOv3ViTModel`."""
        states = self.states(pixel_values, None, attention_mask)
        return self.token_maps(states, pixel_values, 1 + self.config.num_register_tokens, self.norm)
