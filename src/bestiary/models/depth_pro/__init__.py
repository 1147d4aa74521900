"""Depth Pro (Bochkovskii et al. 2024, "Depth Pro: sharp monocular metric depth in less than a second").

One DINOv2 looks at patches of the image at several scales, another at all of it; what they see is merged to maps, which are
fused from coarse to fine. A third one tells the field of view, by which depths become metres.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Positive, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import read_backbone
from ...modeling.config import PreTrainedConfig

ENCODERS = ("image_model_config", "patch_model_config", "fov_model_config")


class DepthProConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of Depth Pro, whose published checkpoint has encoders of DINOv2-L.

    The image is scaled by each of `scaled_images_ratios`, the last of which makes the finest map, and cut into patches of
    `patch_size` pixels, neighbours of which overlap by the share in `scaled_images_overlap_ratios`; the maps they make have
    `scaled_images_feature_dims` channels. Behind the blocks `intermediate_hook_ids` of the finest patches there are further
    maps, of `intermediate_feature_dims` channels. Where patches are merged, `merge_padding_value` places are left out at their
    inner edges, at the coarser scales more. Maps are fused at `fusion_hidden_size` channels. `use_fov_model` adds what tells
    the field of view, `num_fov_head_layers` convolutions over it.
    """

    model_type: ClassVar[str] = "depth_pro"

    fusion_hidden_size: Size = 256
    patch_size: Size = 384
    initializer_range: Amount = 0.02
    intermediate_hook_ids: Sequence[Count] = (11, 5)
    intermediate_feature_dims: Sequence[Size] = (256, 256)
    scaled_images_ratios: Sequence[Positive] = (0.25, 0.5, 1)
    scaled_images_overlap_ratios: Sequence[Rate] = (0.0, 0.5, 0.25)
    scaled_images_feature_dims: Sequence[Size] = (1024, 1024, 512)
    merge_padding_value: Count = 3
    use_batch_norm_in_fusion_residual: bool | None = False
    use_bias_in_fusion_residual: bool | None = True
    use_fov_model: bool = False
    num_fov_head_layers: Count = 2
    image_model_config: Any = None
    patch_model_config: Any = None
    fov_model_config: Any = None

    def validate(self) -> None:
        name, usual = type(self).__name__, {"model_type": "dinov2", "image_size": self.patch_size}
        for field in ENCODERS:
            config = read_backbone(name, usual if self.get(field) is None else self.get(field))
            if config.model_type != "dinov2":
                raise ConfigError(f"{name}: {field} is the config of a {config.model_type}; encoders of dinov2 are read")
            self.__dict__[field] = config
        super().validate()
        self._check_scales(name)
        for block in self.intermediate_hook_ids:
            if block >= self.patch_model_config.num_hidden_layers:
                raise ConfigError(
                    f"{name}: intermediate_hook_ids has {block}; the encoder of patches has"
                    f" {self.patch_model_config.num_hidden_layers} blocks, counted from 0"
                )
        if not self.fusion_hidden_size // 2**self.num_fov_head_layers:
            raise ConfigError(
                f"{name}: {self.num_fov_head_layers} convolutions (num_fov_head_layers), each half as wide, leave nothing of"
                f" fusion_hidden_size {self.fusion_hidden_size}"
            )

    def _check_scales(self, name: str) -> None:
        together = (
            ("scaled_images_ratios", "scaled_images_overlap_ratios", "scaled_images_feature_dims"),
            ("intermediate_hook_ids", "intermediate_feature_dims"),
        )
        for fields in together:
            for field in fields:
                check(name, field, self.get(field), Sequence[Amount])
                self.__dict__[field] = list(self.get(field))
            if len({len(self.get(field)) for field in fields}) > 1:
                found = ", ".join(f"{field} {self.get(field)}" for field in fields)
                raise ConfigError(f"{name}: {found} are not as many; there is one of each for every map")
        ratios = list(self.scaled_images_ratios)
        if not ratios or ratios != sorted(ratios):
            raise ConfigError(f"{name}: scaled_images_ratios are {ratios}; expected one or more, from small to large")
        if max(self.scaled_images_overlap_ratios) >= 1:
            raise ConfigError(
                f"{name}: scaled_images_overlap_ratios are {self.scaled_images_overlap_ratios}; expected less than 1"
            )


TASKS = {"base": "DepthProModel", "depth-estimation": "DepthProForDepthEstimation"}

PREPROCESSORS = {"image_processor": "DepthProImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DepthProPreTrainedModel", *TASKS.values()],
        "image_processor": ["DepthProImageProcessor", "DepthProImageProcessorFast"],
    },
)
