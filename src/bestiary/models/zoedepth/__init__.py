"""ZoeDepth (Bhat et al. 2023, "ZoeDepth: zero-shot transfer by combining relative and metric depth").

BEiT under DPT's neck tells relative depth; a head of bins makes metres of it: centres of bins, drawn to attractors at each
scale, weighed place by place. A model for several kinds of scene has a head for each and chooses by what it sees.

Paper: https://arxiv.org/abs/2302.12288
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Positive, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import take_backbone
from ...modeling.dense_config import FusedResidualConfig, check_maps

_BEIT = {
    "model_type": "beit",
    "image_size": 384,
    "num_hidden_layers": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "use_relative_position_bias": True,
    "reshape_hidden_states": False,
    "out_features": ["stage6", "stage12", "stage18", "stage24"],
}
_KEYS = {"n_bins", "min_depth", "max_depth"}


class ZoeDepthConfig(FusedResidualConfig):
    """Hyperparameters: see `FusedResidualConfig`; the defaults are those of ZoeDepth for indoor scenes.

    The relative head has `num_relative_features` channels before its last convolution. `bin_configurations` holds for each
    metric head a dictionary of `n_bins`, `min_depth` and `max_depth` in metres, and, of several, a `name`. Of the bins,
    `bin_centers_type` says whether centres are any positive numbers ("softplus") or stay in that range ("normed");
    `bin_embedding_dim` is the width by which they are told apart, `num_attractors` how many attractors each scale has,
    `attractor_kind` whether their pulls are averaged ("mean") or added ("sum"); `attractor_alpha` and `attractor_gamma` are of
    no effect, as published. Weights of bins are as sharp as a temperature from `min_temp` to `max_temp` says. Fields that begin
    with `patch_transformer` describe what chooses among several heads. `batch_norm_eps` is that of norms in the fusion.
    """

    model_type: ClassVar[str] = "zoedepth"

    backbone_config: Any = None
    hidden_act: str = "gelu"
    batch_norm_eps: Rate = 1e-5
    num_relative_features: Size = 32
    bottleneck_features: Size = 256
    num_attractors: Sequence[Size] = (16, 8, 4, 1)
    bin_embedding_dim: Size = 128
    attractor_alpha: Amount = 1000
    attractor_gamma: Amount = 2
    attractor_kind: str = "mean"
    min_temp: Amount = 0.0212
    max_temp: Amount = 50.0
    bin_centers_type: str = "softplus"
    bin_configurations: Any = None
    num_patch_transformer_layers: Depth | None = None
    patch_transformer_hidden_size: Size | None = None
    patch_transformer_intermediate_size: Size | None = None
    patch_transformer_num_attention_heads: Size | None = None

    def validate(self) -> None:
        take_backbone(self, _BEIT)
        super().validate()
        name = type(self).__name__
        check_maps(self, self.backbone_config)
        check(name, "num_attractors", self.num_attractors, Sequence[Size])
        self.num_attractors = list(self.num_attractors)
        for field, kinds in (("attractor_kind", ("mean", "sum")), ("bin_centers_type", ("softplus", "normed"))):
            if self.get(field) not in kinds:
                raise ConfigError(f"{name}: {field} is {self.get(field)!r:.80}; expected {' or '.join(kinds)}")
        if self.bin_configurations is None:
            self.bin_configurations = [{"n_bins": 64, "min_depth": 0.001, "max_depth": 10.0}]
        self._check_bins()

    def _check_bins(self) -> None:
        name, heads = type(self).__name__, self.bin_configurations
        needed = _KEYS | ({"name"} if isinstance(heads, list | tuple) and len(heads) > 1 else set())
        if not isinstance(heads, list | tuple) or not heads or not all(isinstance(h, dict) and needed <= set(h) for h in heads):
            expected = ", ".join(sorted(needed))
            raise ConfigError(f"{name}: bin_configurations is {heads!r:.120}; expected dictionaries of {expected}")
        for each in heads:
            check(name, "n_bins", each["n_bins"], Size)
            check(name, "min_depth", each["min_depth"], Amount)
            check(name, "max_depth", each["max_depth"], Positive)
        if len(heads) > 1:
            for field in ("num_layers", "hidden_size", "intermediate_size", "num_attention_heads"):
                field = "num_patch_transformer_layers" if field == "num_layers" else f"patch_transformer_{field}"
                if self.get(field) is None:
                    raise ConfigError(f"{name}: {field} is not set; several bin_configurations need it")


TASKS = {"depth-estimation": "ZoeDepthForDepthEstimation"}

PREPROCESSORS = {"image_processor": "ZoeDepthImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["ZoeDepthPreTrainedModel", *TASKS.values()],
        "image_processor": ["ZoeDepthImageProcessor", "ZoeDepthImageProcessorFast", "ZoeDepthImageProcessorPil"],
    },
)
