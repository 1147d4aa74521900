"""The hyperparameters of D-FINE and its relatives. Needs no torch."""

from ..core.errors import ConfigError
from ..core.kinds import Amount, Positive, Size
from .realtime_detector_config import RealtimeDetectorConfig


class DistributionDetectorConfig(RealtimeDetectorConfig):
    """Base of the configs of detectors that tell edges of boxes by distributions; the defaults are D-FINE's.

    Each edge has `max_num_bins` + 1 places, whose span `up` and `reg_scale` say (see `nn/edge_distributions.py`). The
    `top_prob_values` largest shares tell how sure a box is, by `lqe_layers` dense layers of width `lqe_hidden_dim`.
    `depth_mult` scales the number of the encoder's blocks. `weight_loss_fgl` and `weight_loss_ddf` weigh the losses of edges.
    `decoder_offset_scale` and `decoder_method` are RT-DETRv2's. `eval_idx` is the layer that answers, the last; with
    `tie_word_embeddings` files name the decoder's heads twice. `layer_scale` is kept for files: it would widen layers behind
    the one that answers. `head_dim` follows from the other sizes.
    """

    weight_loss_fgl: Amount = 0.15
    weight_loss_ddf: Amount = 1.5
    eval_idx: int = -1
    layer_scale: Positive = 1.0
    max_num_bins: Size = 32
    reg_scale: Positive = 4.0
    depth_mult: Amount = 1.0
    top_prob_values: Size = 4
    lqe_hidden_dim: Size = 64
    lqe_layers: Size = 2
    decoder_offset_scale: Positive = 0.5
    decoder_method: str = "default"
    up: Positive = 0.5
    tie_word_embeddings: bool = True
    head_dim: Size | None = None

    def validate(self) -> None:
        super().validate()
        name = type(self).__name__
        self.head_dim = self.d_model // self.decoder_attention_heads
        if self.decoder_method not in ("default", "discrete"):
            raise ConfigError(f"{name}: decoder_method is {self.decoder_method!r:.80}; expected default or discrete")
        if self.max_num_bins % 2 or self.max_num_bins < 4 or self.top_prob_values > self.max_num_bins + 1:
            raise ConfigError(
                f"{name}: max_num_bins is {self.max_num_bins} and top_prob_values {self.top_prob_values}; expected an even"
                " number of bins from 4 on, and no more values than these and one"
            )
        if self.eval_idx not in (-1, self.decoder_layers - 1):
            raise ConfigError(f"{name}: eval_idx is {self.eval_idx}; the last layer answers here, -1")
