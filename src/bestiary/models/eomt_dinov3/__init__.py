"""EoMT (Kerssies et al. 2025, "Your ViT is secretly an image segmentation model") on DINOv3 in place of DINOv2."""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Positive, Size
from ...core.plugins import lazy
from ...modeling.queried_encoder_config import QueriedEncoderConfig


class EomtDinov3Config(QueriedEncoderConfig):
    """Hyperparameters: see `QueriedEncoderConfig` and `DINOv3ViTConfig`; `rope_parameters` holds `rope_theta`."""

    model_type: ClassVar[str] = "eomt_dinov3"

    intermediate_size: Size = 4096
    rope_parameters: dict[str, Any] | None = None
    query_bias: bool = True
    key_bias: bool = False
    value_bias: bool = True
    proj_bias: bool = True
    mlp_bias: bool = True
    use_gated_mlp: bool = False
    pos_embed_shift: Amount | None = None
    pos_embed_jitter: Positive | None = None
    pos_embed_rescale: Positive | None = 2.0

    @property
    def rope_theta(self) -> float:
        """The slowest wavelength of positions."""
        return float((self.rope_parameters or {}).get("rope_theta", 100.0))

    def validate(self) -> None:
        older = self.__dict__.pop("rope_theta", None)
        given = self.rope_parameters or ({} if older is None else {"rope_theta": older})
        self.rope_parameters = {"rope_theta": 100.0, "rope_type": "default", **given}
        super().validate()
        width = self.hidden_size // self.num_attention_heads
        if width % 4 or self.rope_parameters["rope_type"] != "default":
            raise ConfigError(
                f"EomtDinov3Config: heads are {width} wide (hidden_size / num_attention_heads), and rope_type is"
                f" {self.rope_parameters['rope_type']!r:.40}; positions in the plane need a multiple of 4, and the type default"
            )


TASKS = {"universal-segmentation": "EomtDinov3ForUniversalSegmentation"}

PREPROCESSORS = {"image_processor": "EomtImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["EomtDinov3PreTrainedModel", *TASKS.values()]})
