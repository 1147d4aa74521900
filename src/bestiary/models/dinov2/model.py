"""The modules of DINOv2. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...modeling.backbone import PatchBackbone
from ...modeling.backbone_config import BackboneConfig
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.patch_attention import PatchAttention
from ...modeling.patch_embeddings import ImageEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.init import Starting, constant
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.stochastic_depth import StochasticDepth
from . import Dinov2Config
from .weights import RULES


class Dinov2Embeddings(ImageEmbeddings):
    """The class token and the patches, some of them replaced by a mask token, plus positions for images of any size."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config, config.get("use_mask_token", True))
        if self.mask_token is not None:
            self.mask_token = nn.Parameter(torch.zeros(1, config.get("hidden_size")))

    @property
    def first_patch(self) -> int:
        """How many tokens stand before the patches."""
        return 1

    def forward(self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, T, D)."""
        return super().forward(pixel_values, bool_masked_pos, interpolate_pos_encoding=True)


class Dinov2LayerScale(Starting):
    """A trained number for each channel (Touvron et al. 2021, "Going deeper with image transformers")."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.zeros(config.get("hidden_size")))
        self.starts = {"lambda1": constant(config.get("layerscale_value"))}

    def forward(self, hidden_state: Tensor) -> Tensor:
        return hidden_state * self.lambda1


class Dinov2MLP(nn.Module):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, inner = config.get("hidden_size"), config.get("hidden_size") * config.get("mlp_ratio")
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.activation_fn = activation(config.get("hidden_act"))

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.activation_fn(self.fc1(hidden_states)))
        return output


class Dinov2SwiGLUFFN(nn.Module):
    """W_down(silu(W_gate x) * W_up x) (Shazeer 2020)."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        inner = (size * config.get("mlp_ratio") * 2 // 3 + 7) // 8 * 8
        self.gate_proj, self.up_proj, self.down_proj = nn.Linear(size, inner), nn.Linear(size, inner), nn.Linear(inner, size)
        self.act_fn = activation("silu")

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))
        return output


class Dinov2SelfOutput(nn.Module):
    """The dense layer behind attention."""

    def __init__(self, size: int, config: PreTrainedConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.dense(x)
        return output


class Dinov2Attention(PatchAttention):
    """Self-attention and a dense layer; no number of what it gives is dropped."""

    output_class = Dinov2SelfOutput


class Dinov2Layer(Layer):
    """x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x))."""

    attention_class: ClassVar[type[PatchAttention]] = Dinov2Attention

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, eps = config.get("hidden_size"), config.get("layer_norm_eps")
        self.norm1 = nn.LayerNorm(size, eps)
        self.attention = self.attention_class(config)
        self.layer_scale1 = Dinov2LayerScale(config)
        self.drop_path = StochasticDepth(config.get("drop_path_rate"))
        self.norm2 = nn.LayerNorm(size, eps)
        self.mlp = (Dinov2SwiGLUFFN if config.get("use_swiglu_ffn") else Dinov2MLP)(config)
        self.layer_scale2 = Dinov2LayerScale(config)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.drop_path(self.layer_scale1(self.attention(self.norm1(x), mask)))
        output: Tensor = x + self.drop_path(self.layer_scale2(self.mlp(self.norm2(x))))
        return output


class Dinov2Encoder(nn.Module):
    """The stack of blocks. Class attribute `layer_class`: the block, built as `layer_class(config)`."""

    layer_class: ClassVar[type[Dinov2Layer]] = Dinov2Layer

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(self.layer_class(config) for _ in range(config.get("num_hidden_layers")))

    def forward(self, x: Tensor, mask: Mask) -> list[Tensor]:
        """States (B, T, D) -> they and those behind each block."""
        states = [x]
        for layer in self.layer:
            states.append(layer(states[-1], mask))
        return states


class Dinov2PreTrainedModel(PreTrainedModel):
    """What all Dinov2 classes share. Class attributes: the classes of the parts of both models."""

    config_class = Dinov2Config
    base_model_prefix = "dinov2"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["Dinov2Embeddings", "Dinov2Layer"]
    _weight_rules = RULES
    _optional_parts = [r"(^|\.)embeddings\.mask_token$"]
    embeddings_class: ClassVar[type[Dinov2Embeddings]] = Dinov2Embeddings
    encoder_class: ClassVar[type[Dinov2Encoder]] = Dinov2Encoder


class Dinov2Model(Dinov2PreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        self.layernorm = nn.LayerNorm(config.get("hidden_size"), config.get("layer_norm_eps"))

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X), of any size. bool_masked_pos: (B, patches), True where a patch is replaced by the mask
            token. attention_mask: (B, T), 0 for tokens to look away from; the class token comes first.
        """
        x = self.embeddings(pixel_values, bool_masked_pos)
        x = self.layernorm(self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False))[-1])
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x[:, 0])


class Dinov2ForImageClassification(ImageClassifier, Dinov2PreTrainedModel):
    """DINOv2 that labels an image by its class token beside the mean of its patches."""

    backbone_class = Dinov2Model

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(2 * config.get("hidden_size"), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        states, first = output.last_hidden_state, self.base_model.get_submodule("embeddings").first_patch
        return torch.cat((states[:, 0], states[:, first:].mean(dim=1)), dim=1)


class Dinov2Backbone(Dinov2PreTrainedModel, PatchBackbone):
    """DINOv2 whose output is the maps of the blocks in `config.out_features`."""

    config: BackboneConfig

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        self.layernorm = nn.LayerNorm(config.get("hidden_size"), config.get("layer_norm_eps"))

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None, *, attention_mask: Tensor | None = None) -> BackboneOutput:
        """The inputs are those of `Dinov2Model`."""
        x = self.embeddings(pixel_values)
        states = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False))
        return self.token_maps(states, pixel_values, self.embeddings.first_patch, self.layernorm)
