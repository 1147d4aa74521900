"""What ViViT does otherwise than ViT. Parameter names are those of published files."""

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.heads.video_classification import VideoClassifier
from ...modeling.patch_embeddings import ImageEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...modeling.tubelet_embeddings import TubeletEmbeddings
from ...nn.films import check_film
from ...nn.masks import make_mask
from ...nn.patches import stretch
from ..vit.model import ViTEncoder, ViTPooler
from . import VivitConfig


class VivitTubeletEmbeddings(TubeletEmbeddings):
    """Each tube flattened and projected."""


class VivitEmbeddings(ImageEmbeddings):
    """The class token and the tubes, plus learned positions."""

    patches_class = VivitTubeletEmbeddings
    starts_at_zero = True

    def forward(  # type: ignore[override]  # no tube is masked
        self, pixel_values: Tensor | None, interpolate_pos_encoding: bool = False
    ) -> Tensor:
        """(B, T, C, Y, X) -> (B, 1 + tubes, D); images of any size with `interpolate_pos_encoding`."""
        tube, film = self.config.tube(), self.config.film()
        way_out = "" if interpolate_pos_encoding else ", or pass interpolate_pos_encoding=True where height and width differ"
        size = (film[0], *pixel_values.shape[-2:]) if interpolate_pos_encoding and pixel_values is not None else film
        pixels = check_film(pixel_values, self.config.get("num_channels"), tube, size, way_out=way_out)
        x = self.patch_embeddings(pixels)
        x = torch.cat((self.get_parameter("cls_token").expand(len(x), -1, -1), x), dim=1)
        frames, *trained = self.config.tubes()
        places, target = (
            self.get_parameter("position_embeddings")[0],
            tuple(length // part for length, part in zip(size, tube, strict=True))[1:],
        )
        if target != tuple(trained):  # every frame's alone
            by_frame = places[1:].unflatten(0, (frames, -1)).transpose(0, 1)
            stretched = stretch(by_frame.flatten(1), (trained[0], trained[1]), (target[0], target[1]), leading=0)
            places = torch.cat((places[:1], stretched.unflatten(1, (frames, -1)).transpose(0, 1).flatten(0, 1)))
        output: Tensor = self.dropout(x + places)
        return output


class VivitPreTrainedModel(PreTrainedModel):
    """What all ViViT classes share."""

    config_class = VivitConfig
    base_model_prefix = "vivit"
    main_input_name = "pixel_values"
    input_modalities = ("video",)
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["VivitEmbeddings", "ViTLayer"]
    _optional_parts = [r"(^|\.)pooler\.dense\."]
    config: VivitConfig


class VivitModel(VivitPreTrainedModel):
    """The encoder without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the class token's state through a dense layer.
    """

    _keys_to_ignore_on_load_unexpected = [r"^pooler\.dense\."]

    def __init__(self, config: VivitConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = VivitEmbeddings(config)
        self.encoder = ViTEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.pooler = ViTPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool = False,
        attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, T, C, Y, X), with as many frames as the config says.
        interpolate_pos_encoding: take films of any height and width, with positions interpolated frame by frame.
        attention_mask: (B, 1 + tubes), 0 for tokens to look away from; the class token comes first.
        """
        x = self.embeddings(pixel_values, interpolate_pos_encoding)
        x = self.layernorm(self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False)))
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=None if self.pooler is None else self.pooler(x))


class VivitForVideoClassification(VideoClassifier, VivitPreTrainedModel):
    """ViViT that labels a film by its class token."""

    backbone_class = VivitModel
    backbone_options = {"add_pooling_layer": False}
