"""The modules of CLIP. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.dual_encoder import DualEncoder, ImageProjection, TextProjection
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.recording import Stack
from ...modeling.tower import Tower, TowerAttention, TowerLayer, TowerMLP
from ...nn.alias import Alias
from ...nn.embeddings import LearnedPositions
from ...nn.init import Starting, normal
from ...nn.masks import make_mask, slots_of_text
from ...nn.patches import check_pixels, grid, pair, stretch
from ...nn.place_buffers import KeepsPlaces, PlaceBuffer
from ...nn.pooling import end_of_text
from . import CLIPConfig, CLIPPartConfig, CLIPTextConfig, CLIPVisionConfig


class CLIPTextEmbeddings(KeepsPlaces, Starting):
    """Tokens and learned positions."""

    position_ids = PlaceBuffer()

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = LearnedPositions(config.max_position_embeddings, config.hidden_size)
        start = normal(config.initializer_range * config.initializer_factor)
        self.starts = {"token_embedding.weight": start, "position_embedding.weight": start}

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        """(B, T) and (B or 1, T) -> (B, T, D)."""
        output: Tensor = self.position_embedding(position_ids) + self.token_embedding(input_ids)
        return output


class CLIPVisionEmbeddings(KeepsPlaces, Starting):
    """A class vector and the patches, each through one convolution without bias, plus learned positions."""

    position_ids = PlaceBuffer(count="num_positions")
    image_size, patch_size = Alias("config.image_size"), Alias("config.patch_size")
    embed_dim, num_positions = Alias("position_embedding.embedding_dim"), Alias("position_embedding.num_embeddings")

    @property
    def num_patches(self) -> int:
        """Patches of an image of the usual size."""
        return self.grid[0] * self.grid[1]

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        size, patch = config.hidden_size, pair(config.patch_size)
        self.config, self.grid = config, grid(config.image_size, config.patch_size)
        self.class_embedding = nn.Parameter(torch.zeros(size))
        self.patch_embedding = nn.Conv2d(config.num_channels, size, kernel_size=patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(1 + self.num_patches, size)
        start = normal(config.initializer_range * config.initializer_factor)
        self.starts = {
            "class_embedding": normal(size**-0.5 * config.initializer_factor),
            "patch_embedding.weight": start,
            "position_embedding.weight": start,
        }

    def forward(self, pixel_values: Tensor | None, interpolate_pos_encoding: bool = False) -> Tensor:
        """(B, C, Y, X) -> (B, 1 + patches, D); images of any size with `interpolate_pos_encoding`."""
        config, weight = self.config, self.patch_embedding.weight
        size = None if interpolate_pos_encoding else config.image_size
        pixels = check_pixels(pixel_values, config.num_channels, config.patch_size, size)
        patches = self.patch_embedding(pixels.to(weight.dtype)).flatten(2).transpose(1, 2)
        x = torch.cat((self.class_embedding.expand(len(pixels), 1, -1), patches), dim=1)
        table = self.position_embedding(torch.arange(self.position_embedding.num_embeddings, device=x.device))
        return x + stretch(table, self.grid, grid(pixels.shape[-2:], config.patch_size))


class CLIPAttention(TowerAttention, Starting):
    """Attention whose projections start smaller the deeper the stack is."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__(config)
        wide = self.embed_dim**-0.5 * config.initializer_factor
        narrow = normal(wide * (2 * config.num_hidden_layers) ** -0.5)
        self.starts = {
            **dict.fromkeys(("q_proj.weight", "k_proj.weight", "v_proj.weight"), narrow),
            "out_proj.weight": normal(wide),
        }


class CLIPMLP(TowerMLP, Starting):
    """An MLP that starts in the same way."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__(config)
        size, factor = self.fc1.in_features, config.initializer_factor
        self.starts = {
            "fc1.weight": normal((2 * size) ** -0.5 * factor),
            "fc2.weight": normal((2 * size * config.num_hidden_layers) ** -0.5 * factor),
        }


class CLIPEncoderLayer(TowerLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    attention_class, mlp_class = CLIPAttention, CLIPMLP


class CLIPEncoder(Tower):
    """The stack of blocks, the same for texts and images."""

    layer_class = CLIPEncoderLayer


class CLIPPreTrainedModel(PreTrainedModel):
    """What all CLIP classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = CLIPConfig
    base_model_prefix = "clip"
    _no_split_modules = ["CLIPTextEmbeddings", "CLIPEncoderLayer", "CLIPVisionEmbeddings"]


class CLIPTextModel(CLIPPreTrainedModel):
    """The text encoder. A text's vector is the state of its end token."""

    eos_token_id = Alias("config.eos_token_id")

    config_class = CLIPTextConfig
    base_model_prefix = "text_model"
    stacks = {"": Stack("encoder.layers")}
    one_text_a_row = "a row has the vector of one end token"
    config: CLIPTextConfig

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        self.embeddings = CLIPTextEmbeddings(config)
        self.encoder = CLIPEncoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    @property
    def text_model(self) -> "CLIPTextModel":
        """This model; scripts written when its layers lay one level deeper look here."""
        return self

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.token_embedding

    def check_padding(self, ids: Tensor) -> None:
        """Nothing to say: what stands before the end token cannot see padding, which often is a real token's id."""

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, position_ids: Tensor | None = None
    ) -> BaseModelOutputWithPooling:
        """input_ids (B, T), each row with its end token; attention_mask (B, T); position_ids (B or 1, T)."""
        if input_ids is None:
            raise InputError("pass input_ids")
        if position_ids is None:
            position_ids = slots_of_text(attention_mask, input_ids.shape[1], input_ids.device)
        x = self.embeddings(input_ids, position_ids)
        x = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask))
        x = self.final_layer_norm(x)
        rows = torch.arange(len(x), device=x.device)
        return BaseModelOutputWithPooling(
            last_hidden_state=x, pooler_output=x[rows, end_of_text(input_ids, attention_mask, self.config.eos_token_id)]
        )


class CLIPVisionModel(CLIPPreTrainedModel):
    """The image encoder. An image's vector is the normalised state of its class token."""

    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layers")}
    config: CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        self.embeddings = CLIPVisionEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)  # published with this spelling
        self.encoder = CLIPEncoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    @property
    def vision_model(self) -> "CLIPVisionModel":
        """This model; scripts written when its layers lay one level deeper look here."""
        return self

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embedding

    def forward(
        self, pixel_values: Tensor | None = None, *, interpolate_pos_encoding: bool | None = False
    ) -> BaseModelOutputWithPooling:
        """pixel_values (B, C, Y, X), of any size with `interpolate_pos_encoding`; `last_hidden_state` is not normalised."""
        x = self.pre_layrnorm(self.embeddings(pixel_values, bool(interpolate_pos_encoding)))
        x = self.encoder(x, make_mask(x.shape[1], x.device, causal=False))
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.post_layernorm(x[:, 0]))


# Heads on one encoder open checkpoints of both, and leave the other encoder alone.
_OLD = PreTrainedModel._keys_to_ignore_on_load_unexpected


class CLIPModel(DualEncoder, CLIPPreTrainedModel):
    """Both encoders: how well each text describes each image."""

    text_class, vision_class = CLIPTextModel, CLIPVisionModel


class CLIPTextModelWithProjection(TextProjection, CLIPPreTrainedModel):
    """The text encoder and its projection to the shared space."""

    config_class = CLIPTextConfig
    base_model_prefix = "text_model"
    backbone_class = CLIPTextModel
    stacks = CLIPTextModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^vision_model\.", r"^(visual_projection\.weight|logit_scale)$"]


class CLIPVisionModelWithProjection(ImageProjection, CLIPPreTrainedModel):
    """The image encoder and its projection to the shared space."""

    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"
    backbone_class = CLIPVisionModel
    stacks = CLIPVisionModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^text_model\.", r"^(text_projection\.weight|logit_scale)$"]


class CLIPForImageClassification(ImageClassifier, CLIPPreTrainedModel):
    """The image encoder, labelling an image by the mean of its patches."""

    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    backbone_class = CLIPVisionModel
    backbone_part = "vision_config"
    stacks = CLIPVisionModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^text_model\.", r"^((text|visual)_projection\.weight|logit_scale)$"]

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.starts = {"classifier.weight": normal(config.vision_config.hidden_size**-0.5 * config.initializer_factor)}

    def pool(self, output: Any) -> Tensor:
        result: Tensor = output.last_hidden_state[:, 1:].mean(1)
        return result
