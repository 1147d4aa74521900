"""PatchTSMixer (Ekambaram et al. 2023, "TSMixer: lightweight MLP-Mixer model for multivariate time series forecasting").

Differs from PatchTST: MLPs take the place of attention, over the patches of a series, then over the width of a state, and with
`mode` "mix_channel" over the series; heads are told what the series were scaled by.

Paper: https://arxiv.org/abs/2306.09364
"""

from typing import Literal

from ...core.errors import ConfigError
from ...core.kinds import Count, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.patched_series_config import PatchedSeriesConfig


class PatchTSMixerConfig(PatchedSeriesConfig):
    """Hyperparameters: see `PatchedSeriesConfig`.

    `prediction_channel_indices` are the series that are predicted (null: all). `num_patches` follows from the other sizes.
    """

    model_type = "patchtsmixer"
    attribute_map = {"hidden_size": "d_model", "num_hidden_layers": "num_layers"}

    patch_length: Size = 8
    patch_stride: Size = 8
    d_model: Size = 8
    expansion_factor: Size = 2
    num_layers: Depth = 3
    dropout: Rate = 0.2
    mode: Literal["common_channel", "mix_channel"] = "common_channel"
    gated_attn: bool = True
    norm_mlp: str = "LayerNorm"
    self_attn: bool = False
    self_attn_heads: Size = 1
    use_positional_encoding: bool = False
    masked_loss: bool = True
    channel_consistent_masking: bool | None = True
    head_dropout: Rate = 0.2
    prediction_length: Size = 16
    prediction_channel_indices: list[Count] | None = None
    num_targets: Size = 3
    head_aggregation: Literal["max_pool", "avg_pool", "use_last"] | None = "max_pool"
    num_patches: Length | None = None
    patch_last: bool = True

    def validate(self) -> None:
        self.num_patches = None  # follows from the others, whatever a file says
        super().validate()
        self.num_patches = self.patch_count
        if self.self_attn:
            self.divides("d_model", "self_attn_heads")
        if self.use_positional_encoding and self.positional_encoding_type == "sincos" and self.d_model % 2:
            raise ConfigError(f"PatchTSMixerConfig: d_model is {self.d_model}; sinusoids (sincos) need an even width")
        if self.prediction_channel_indices is not None:
            self.prediction_channel_indices = sorted(self.prediction_channel_indices)
            if max(self.prediction_channel_indices, default=0) >= self.num_input_channels:
                raise ConfigError(
                    f"PatchTSMixerConfig: prediction_channel_indices has {self.prediction_channel_indices[-1]}; channels go"
                    f" from 0 to {self.num_input_channels - 1}"
                )


TASKS = {
    "base": "PatchTSMixerModel",
    "series-forecasting": "PatchTSMixerForPrediction",
    "series-pretraining": "PatchTSMixerForPretraining",
    "time-series-regression": "PatchTSMixerForRegression",
    "time-series-classification": "PatchTSMixerForTimeSeriesClassification",
}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["PatchTSMixerPreTrainedModel", "PatchTSMixerModel"], "heads": list(TASKS.values())[1:]}
)
