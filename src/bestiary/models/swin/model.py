"""The modules of Swin. Parameter names are the published ones of files."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.outputs import BackboneOutput
from ...loading.rules import rename
from ...modeling.backbone import NORMS_OF_MAPS, Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.heads.masked_image_modeling import MaskedImagePainter
from ...modeling.map_outputs import MapsClassifierOutput, MapsImageModelingOutput, MapsModelOutput
from ...modeling.recording import Stack
from ...modeling.window_config import WindowConfig
from ...modeling.windowed import WindowEmbeddings, WindowEncoder, WindowLayer, bias_rules, of_stages
from ...nn.patches import pair
from . import SwinConfig


class SwinPreTrainedModel(PreTrainedModel):
    """What all Swin classes share. Class attributes: the classes of the parts of its models."""

    config_class = SwinConfig
    base_model_prefix = "swin"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layers")}
    kernels = ("sdpa", "eager")
    _no_split_modules = ["WindowStage"]
    _weight_rules = bias_rules()
    _optional_parts = [r"(^|\.)embeddings\.mask_token$"]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"attention\.self\.relative_position_index",
        r"attention\.relative_position_bias\.relative_position_index",
    ]
    embeddings_class: ClassVar[type[WindowEmbeddings]] = WindowEmbeddings
    encoder_class: ClassVar[type[WindowEncoder]] = WindowEncoder
    config: Any

    def _arrange_recorded(self, output: Any) -> None:
        """Maps (B, Y, X, C) as tokens and as (B, C, Y, X); of a stage's attention, that of its last block."""
        if output.hidden_states is not None:
            output.reshaped_hidden_states = tuple(state.permute(0, 3, 1, 2) for state in output.hidden_states)
            output.hidden_states = tuple(state.flatten(1, 2) for state in output.hidden_states)
        output.attentions = of_stages(self.config, output.attentions)


def last_width(config: Any) -> int:
    """The channels of the last stage."""
    width: int = config.embed_dim * 2 ** (len(config.depths) - 1)
    return width


class SwinModel(SwinPreTrainedModel):
    """The stages without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of all states.
        use_mask_token: allow `bool_masked_pos`.
    """

    def __init__(self, config: WindowConfig, add_pooling_layer: bool = True, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config, use_mask_token)
        self.encoder = self.encoder_class(config)
        self.layernorm = nn.LayerNorm(last_width(config), config.layer_norm_eps)
        self.pooler = nn.AdaptiveAvgPool1d(1) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool = False,
    ) -> MapsModelOutput:
        """Args:
        pixel_values: (B, C, Y, X), of any size. bool_masked_pos: (B, patches), True where a patch is replaced by the mask
            token. interpolate_pos_encoding: with absolute positions, take images of any size too.
        """
        x = self.encoder(self.embeddings(pixel_values, bool_masked_pos, interpolate_pos_encoding))
        x = self.layernorm(x.flatten(1, 2))
        pooled = None if self.pooler is None else self.pooler(x.transpose(1, 2)).flatten(1)
        return MapsModelOutput(last_hidden_state=x, pooler_output=pooled)


class SwinForImageClassification(PooledImageClassifier, SwinPreTrainedModel):
    """Swin that labels an image by the mean of its last states."""

    backbone_class = SwinModel
    output_class = MapsClassifierOutput

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(last_width(config), config.num_labels)


class SwinForMaskedImageModeling(MaskedImagePainter, SwinPreTrainedModel):
    """Swin that paints masked patches, by one dense layer from a last state to its pixels (Xie et al. 2022, SimMIM)."""

    backbone_class = SwinModel
    backbone_options = {"add_pooling_layer": False, "use_mask_token": True}
    output_class = MapsImageModelingOutput

    def state_width(self) -> int:
        return last_width(self.config)

    def states_in_rows(self, output: Any, size: tuple[int, int]) -> Tensor:
        states: Tensor = output.last_hidden_state
        rows, columns = (-(-length // patch) for length, patch in zip(size, pair(self.config.patch_size), strict=True))
        for _ in self.config.depths[1:]:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
        return states.transpose(1, 2).reshape(len(states), -1, rows, columns)


class SwinBackbone(SwinPreTrainedModel, Backbone):
    """Swin whose output is the maps of the stages in `config.out_features`, before patches are joined, each through a norm.

    Class attribute `keeps_windows`: whether windows keep their size in maps that are no larger.
    """

    keeps_windows: ClassVar[bool] = True
    config: Any
    # Published backbones write the norm that they do not use behind the prefix of the model in them, unlike all else.
    _weight_rules = (*bias_rules(), rename("swin.layernorm.{}", "layernorm.{}"))
    _optional_parts = [r"^layernorm\.", NORMS_OF_MAPS]

    def __init__(self, config: SwinConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        for layer in self.encoder.modules():
            if isinstance(layer, WindowLayer):
                layer.keeps_window = self.keeps_windows
        self.add_norms()
        paths = (f"encoder.layers.{stage}.blocks" for stage in range(len(config.depths)))
        self.__dict__["stacks"] = {"": Stack("encoder.layers", states=("embeddings", *paths))}

    def add_norms(self) -> None:
        """Make the norms of the maps."""
        self.layernorm = nn.LayerNorm(self.num_features[-1], self.config.layer_norm_eps)  # in files, and not used
        self.hidden_states_norms = nn.ModuleDict(
            {name: nn.LayerNorm(channels) for name, channels in zip(self.out_features, self.channels, strict=True)}
        )

    def chosen_maps(self, states: Sequence[Tensor]) -> BackboneOutput:
        """The maps (B, Y, X, C) of chosen stages among the `states` of all, as they are given out."""
        return self.normed_maps(states, self.hidden_states_norms)

    @property
    def num_features(self) -> list[int]:
        return [self.config.embed_dim, *(self.config.embed_dim * 2**stage for stage in range(len(self.config.depths)))]

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        output = self.chosen_maps(self.encoder.before_merging(self.embeddings(pixel_values)))
        output.feature_maps = tuple(each.permute(0, 3, 1, 2).contiguous() for each in output.feature_maps or ())
        return output

    def _arrange_recorded(self, output: Any) -> None:
        if output.hidden_states is not None:
            output.hidden_states = tuple(state.permute(0, 3, 1, 2) for state in output.hidden_states)
        output.attentions = of_stages(self.config, output.attentions)
