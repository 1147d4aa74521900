"""PatchTST (Nie et al. 2023, "A time series is worth 64 words"): an encoder that reads each series in patches.

Differs from BERT: a token is a patch of values, every series of a batch is read alone (unless `channel_attention` mixes them),
norms are batch norms; pretraining predicts patches that were hidden.

Paper: https://arxiv.org/abs/2211.14730
"""

from typing import Literal

from ...core.errors import ConfigError
from ...core.kinds import Depth, Rate, Size
from ...core.plugins import lazy
from ...modeling.patched_series_config import PatchedSeriesConfig


class PatchTSTConfig(PatchedSeriesConfig):
    """Hyperparameters: see `PatchedSeriesConfig`. Heads read one state of each series: that of a class token
    (`use_cls_token`), the mean or the largest of all (`pooling_type`), or, to predict, all of them (null).
    """

    model_type = "patchtst"
    attribute_map = {"hidden_size": "d_model"}

    num_hidden_layers: Depth = 3
    num_attention_heads: Size = 4
    share_embedding: bool = True
    channel_attention: bool = False
    ffn_dim: Size = 512
    norm_type: Literal["batchnorm", "layernorm"] = "batchnorm"
    attention_dropout: Rate = 0.0
    positional_dropout: Rate = 0.0
    path_dropout: Rate = 0.0
    ff_dropout: Rate = 0.0
    bias: bool = True
    activation_function: str = "gelu"
    pre_norm: bool = True
    use_cls_token: bool = False
    share_projection: bool = True
    do_mask_input: bool | None = None
    pooling_type: Literal["mean", "max"] | None = "mean"

    def validate(self) -> None:
        super().validate()
        self.divides("d_model", "num_attention_heads")
        if self.positional_encoding_type == "sincos" and self.d_model % 2:
            raise ConfigError(f"PatchTSTConfig: d_model is {self.d_model}; sinusoids (sincos) need an even width")


TASKS = {
    "base": "PatchTSTModel",
    "series-forecasting": "PatchTSTForPrediction",
    "series-pretraining": "PatchTSTForPretraining",
    "time-series-regression": "PatchTSTForRegression",
    "time-series-classification": "PatchTSTForClassification",
}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["PatchTSTPreTrainedModel", "PatchTSTModel"], "heads": list(TASKS.values())[1:]}
)
