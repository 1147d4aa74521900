"""The hyperparameters of models that see places of an image through maps of four scales, fused. Needs no torch."""

from collections.abc import Sequence
from typing import Any

from ..core.errors import ConfigError
from ..core.kinds import Amount, Positive, Size, check
from .backbone_config import BackboneConfig
from .config import PreTrainedConfig

READOUTS = ("ignore", "add", "project")


class DenseConfig(PreTrainedConfig):
    """Base of the configs of DPT and its relatives (Ranftl et al. 2021).

    States of four blocks of a transformer become maps: `neck_hidden_sizes` are their channels, `reassemble_factors` by how much
    each is finer than the grid of patches. They are fused, from coarse to fine, at `fusion_hidden_size` channels;
    `head_in_index` says which of the fused maps the head reads.
    """

    initializer_range: Amount = 0.02
    reassemble_factors: Sequence[Positive] = (4, 2, 1, 0.5)
    neck_hidden_sizes: Sequence[Size] = (96, 192, 384, 768)
    fusion_hidden_size: Size = 256
    head_in_index: int = -1

    def validate(self) -> None:
        super().validate()
        name = type(self).__name__
        check(name, "reassemble_factors", self.reassemble_factors, Sequence[Positive])
        check(name, "neck_hidden_sizes", self.neck_hidden_sizes, Sequence[Size])
        self.reassemble_factors, self.neck_hidden_sizes = list(self.reassemble_factors), list(self.neck_hidden_sizes)
        count = len(self.neck_hidden_sizes)
        if len(self.reassemble_factors) != count:
            raise ConfigError(f"{name}: {len(self.reassemble_factors)} reassemble_factors for {count} neck_hidden_sizes")
        for factor in self.reassemble_factors:
            if (factor if factor > 1 else 1 / factor) % 1:
                raise ConfigError(f"{name}: reassemble_factors has {factor}; expected a whole number, or 1 over one")
        if not -count <= self.head_in_index < count:
            raise ConfigError(f"{name}: head_in_index is {self.head_in_index}; there are {count} fused maps")


class FusedResidualConfig(DenseConfig):
    """Base of the configs of those whose fusion may have batch norms.

    Convolutions of the residual units have a bias with `use_bias_in_fusion_residual`, and where that is None as long as there
    are no batch norms. `readout_type` says what becomes of the class token: "ignore", "add" it to all others, or "project"
    both together.
    """

    readout_type: str = "project"
    use_batch_norm_in_fusion_residual: bool | None = False
    use_bias_in_fusion_residual: bool | None = None
    add_projection: bool = False

    def validate(self) -> None:
        super().validate()
        if self.readout_type not in READOUTS:
            raise ConfigError(
                f"{type(self).__name__}: readout_type is {self.readout_type!r:.80}; expected {', '.join(READOUTS)}"
            )


def check_maps(config: DenseConfig, backbone: BackboneConfig) -> None:
    """Raise `ConfigError` unless the backbone gives a map for each of `neck_hidden_sizes`."""
    found, expected = backbone.out_features or [], len(config.neck_hidden_sizes)
    if len(found) != expected:
        raise ConfigError(
            f"{type(config).__name__}: the backbone gives the maps of {found}, which are {len(found)}; there are {expected}"
            " neck_hidden_sizes"
        )


def dinov2_small(**others: Any) -> dict[str, Any]:
    """What the config of DINOv2-S on images of 518 says, as a backbone whose maps are those of its last four blocks."""
    return {
        "model_type": "dinov2",
        "image_size": 518,
        "hidden_size": 384,
        "num_attention_heads": 6,
        "out_indices": [9, 10, 11, 12],
        "reshape_hidden_states": False,
    } | others
