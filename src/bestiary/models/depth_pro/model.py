"""The modules of Depth Pro. Parameter names are the published ones."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.backbone import read_as_backbone, stand_on
from ...modeling.base import PreTrainedModel
from ...modeling.dense_neck import refuse_labels
from ...modeling.map_fusion import ResidualUnit
from ...nn.patches import check_pixels
from . import DepthProConfig
from .encoder import DepthProEncoder, DepthProImageEncoder, coarsest, in_rows, of_size


@dataclass
class DepthProOutput(ModelOutput):
    """`last_hidden_state` (B, T, D), and states and attentions, of the whole image; `features`, maps (B, C, y, x), coarse to
    fine."""

    last_hidden_state: Tensor = ALWAYS
    features: Any = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class DepthProDepthEstimatorOutput(ModelOutput):
    """`predicted_depth` (B, Y, X), a disparity for an image as wide as far away, and `field_of_view` (B,), in degrees."""

    loss: Tensor | None = None
    predicted_depth: Tensor = ALWAYS
    field_of_view: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class DepthProFeatureUpsampleBlock(nn.Module):
    """A map at another width, doubled `steps` times. `inner`: the width before the first doubling, None that of the map."""

    def __init__(self, size: int, outer: int, steps: int, inner: int | None = None, bias: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [] if inner is None else [nn.Conv2d(size, inner, 1, bias=bias)]
        widths = [size if inner is None else inner, *[outer] * steps]
        layers += [nn.ConvTranspose2d(before, after, 2, stride=2, bias=bias) for before, after in pairwise(widths)]
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.layers:
            features = layer(features)
        return features


class DepthProFeatureUpsample(nn.Module):
    """The maps of all encoders, those of inner blocks two, three, ... times doubled, others once."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        scales, inner = list(config.scaled_images_feature_dims), list(config.intermediate_feature_dims)
        size = config.patch_model_config.hidden_size
        self.image_block = DepthProFeatureUpsampleBlock(config.image_model_config.hidden_size, scales[0], 1, bias=True)
        self.scaled_images = nn.ModuleList(DepthProFeatureUpsampleBlock(size, width, 1, width) for width in scales)
        self.intermediate = nn.ModuleList(
            DepthProFeatureUpsampleBlock(size, width, 2 + place, width if place else config.fusion_hidden_size)
            for place, width in enumerate(inner)
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        blocks = [self.image_block, *self.scaled_images, *self.intermediate]
        return [block(each) for block, each in zip(blocks, features, strict=True)]


class DepthProFeatureProjection(nn.Module):
    """Every map at the width at which they are fused."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        widths, size = [*config.scaled_images_feature_dims, *config.intermediate_feature_dims], config.fusion_hidden_size
        self.projections = nn.ModuleList(nn.Conv2d(width, size, 3, padding=1, bias=False) for width in widths)
        if widths[-1] == size:
            self.projections[-1] = nn.Identity()

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [project(each) for project, each in zip(self.projections, features, strict=True)]


class DepthProNeck(nn.Module):
    """The maps of all encoders, coarse to fine, at one width; the two coarsest become one."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        self.feature_upsample = DepthProFeatureUpsample(config)
        size = next(iter(config.scaled_images_feature_dims))
        self.fuse_image_with_low_res = nn.Conv2d(2 * size, size, 1)
        self.feature_projection = DepthProFeatureProjection(config)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps (B, D, y, x) of the whole image, of scales and of inner blocks -> maps (B, C, y, x)."""
        whole, coarse, *finer = self.feature_upsample(features)
        both = self.fuse_image_with_low_res(torch.cat((coarse, whole), dim=1))
        maps: list[Tensor] = self.feature_projection([both, *finer])
        return maps


def start_convolution(convolution: Any, config: DepthProConfig) -> None:
    """Starting values by how many places read each one (He et al. 2015), no bias."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    if convolution.bias is not None:
        convolution.bias.zero_()


class DepthProPreTrainedModel(PreTrainedModel):
    """What the Depth Pro classes share."""

    config_class = DepthProConfig
    base_model_prefix = "depth_pro"
    main_input_name = "pixel_values"
    kind_starts = dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d), start_convolution)
    _no_split_modules = ["ResidualUnit"]
    _optional_parts = [r"_encoder\.model\.embeddings\.mask_token$"]
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^fov_model\."]
    config: DepthProConfig


class DepthProModel(DepthProPreTrainedModel):
    """The encoders and their maps."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__(config)
        self.encoder = DepthProEncoder(config)
        self.neck = DepthProNeck(config)
        read_as_backbone(self, "encoder.patch_encoder.model")
        stand_on(self, self.encoder.image_encoder.model, "encoder.image_encoder.model")

    def get_input_embeddings(self) -> nn.Module:
        embeddings: nn.Module = self.encoder.image_encoder.model.get_input_embeddings()
        return embeddings

    def forward(self, pixel_values: Tensor | None = None) -> DepthProOutput:
        """pixel_values: (B, C, Y, X), at the smallest scale as large as a patch."""
        pixels = check_pixels(pixel_values, self.config.patch_model_config.num_channels, 1, None)
        states, maps = self.encoder(pixels)
        return DepthProOutput(last_hidden_state=states, features=self.neck(maps))


class DepthProFeatureFusionLayer(nn.Module):
    """What is fused so far plus the next finer map, refined and, unless it is the last step, doubled."""

    def __init__(self, config: DepthProConfig, is_last: bool = False) -> None:
        super().__init__()
        size = config.fusion_hidden_size
        self.residual_layer1, self.residual_layer2 = ResidualUnit(config), ResidualUnit(config)
        self.deconv = None if is_last else nn.ConvTranspose2d(size, size, 2, stride=2, bias=False)
        self.projection = nn.Conv2d(size, size, 1)

    def forward(self, hidden_state: Tensor, residual: Tensor | None = None) -> Tensor:
        """(B, C, y, x) twice -> (B, C, Y, X)."""
        x = hidden_state if residual is None else hidden_state + self.residual_layer1(residual)
        x = self.residual_layer2(x)
        output: Tensor = self.projection(x if self.deconv is None else self.deconv(x))
        return output


class DepthProFeatureFusionStage(nn.Module):
    """A step for each map."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        steps = len(list(config.scaled_images_ratios)) + len(list(config.intermediate_hook_ids))
        self.intermediate = nn.ModuleList(DepthProFeatureFusionLayer(config) for _ in range(steps - 1))
        self.final = DepthProFeatureFusionLayer(config, is_last=True)

    def forward(self, hidden_states: list[Tensor]) -> list[Tensor]:
        """Maps (B, C, y, x), coarse to fine -> what is fused behind each step; the last is the finest."""
        fused: list[Tensor] = []
        for layer, each in zip([*self.intermediate, self.final], hidden_states, strict=True):
            fused.append(layer(fused[-1], each) if fused else layer(each))
        return fused


class DepthProDepthEstimationHead(nn.Module):
    """Convolutions to one number for each place, twice as many a side, from 0 on."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        size = config.fusion_hidden_size
        self.layers = nn.ModuleList(
            (
                nn.Conv2d(size, size // 2, 3, padding=1),
                nn.ConvTranspose2d(size // 2, size // 2, 2, stride=2),
                nn.Conv2d(size // 2, 32, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(32, 1, 1),
                nn.ReLU(),
            )
        )

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, y, x) -> (B, Y, X)."""
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states.squeeze(1)


class DepthProFovEncoder(DepthProImageEncoder):
    """DINOv2 over the whole image, and a dense layer to half the width of what is fused."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__(config.fov_model_config)
        self.neck = nn.Linear(config.fov_model_config.hidden_size, config.fusion_hidden_size // 2)

    def forward(self, pixel_values: Tensor) -> Tensor:  # type: ignore[override]
        """(B, C, Y, X) -> (B, C / 2, y, x)."""
        maps = in_rows(self.neck(self.states(pixel_values)))
        return of_size(maps, coarsest(pixel_values, self.model.config))


class DepthProFovHead(nn.Module):
    """A map to one number."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        inner, steps = config.fov_model_config, config.num_fov_head_layers
        self.side = inner.image_size // inner.patch_size
        widths = [config.fusion_hidden_size // 2 ** (1 + step) for step in range(steps + 1)]
        layers: list[nn.Module] = []
        for step in range(steps):
            layers += [nn.Conv2d(widths[step], widths[step + 1], 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(widths[-1], 1, int((self.side - 1) / 2**steps + 1)))
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, y, x) -> (B, 1, 1, 1)."""
        features = of_size(features, (self.side, self.side))
        for layer in self.layers:
            features = layer(features)
        return features


class DepthProFovModel(nn.Module):
    """The field of view of an image, in degrees."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        size = config.fusion_hidden_size
        self.fov_encoder = DepthProFovEncoder(config)
        self.conv = nn.Conv2d(size, size // 2, 3, stride=2, padding=1)
        self.activation = nn.ReLU(inplace=True)
        self.head = DepthProFovHead(config)

    def forward(self, pixel_values: Tensor, global_features: Tensor) -> Tensor:
        """Images (B, C, Y, X) and their coarsest maps (B, D, y, x) -> (B,)."""
        seen = self.fov_encoder(pixel_values)
        output: Tensor = self.head(seen + self.activation(self.conv(global_features)))
        return output.flatten()


class DepthProForDepthEstimation(DepthProPreTrainedModel):
    """Depth Pro: how far away each pixel is.

    Args:
        use_fov_model: whether it also tells the field of view; None is what the config says.
    """

    def __init__(self, config: DepthProConfig, use_fov_model: bool | None = None) -> None:
        super().__init__(config)
        self.use_fov_model = config.use_fov_model if use_fov_model is None else use_fov_model
        self.depth_pro = DepthProModel(config)
        self.fusion_stage = DepthProFeatureFusionStage(config)
        self.head = DepthProDepthEstimationHead(config)
        self.fov_model = DepthProFovModel(config) if self.use_fov_model else None
        self.__dict__["stacks"] = self.depth_pro.stacks
        for path in ("depth_pro.encoder.patch_encoder.model", "depth_pro.encoder.image_encoder.model"):
            read_as_backbone(self, path)
        if self.fov_model is not None:
            read_as_backbone(self, "fov_model.fov_encoder.model")

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> DepthProDepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), as of `DepthProModel`. labels: None; the family publishes no loss.
        """
        refuse_labels(self, labels)
        pixels = check_pixels(pixel_values, self.config.patch_model_config.num_channels, 1, None)
        features = self.depth_pro(pixels, return_dict=True).features
        depth = self.head(self.fusion_stage(features)[-1])
        angle = None if self.fov_model is None else self.fov_model(pixels, features[0].detach())
        return DepthProDepthEstimatorOutput(predicted_depth=depth, field_of_view=angle)
